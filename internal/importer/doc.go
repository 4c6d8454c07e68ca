// Package importer reads a firm's clients and contacts from a CSV file, as practice-management software or Excel
// exports it, and turns them into facts. Its only I/O is the reader that the caller passes.
//
// One row is one contact of one client. A client without contacts has one row with empty contact cells. Facts carry
// full states, so all rows of a client make one ClientUpserted and all rows of a contact one ContactUpserted. Bad rows
// are therefore handled like this:
//
//   - If a row can't be read, its whole client is left out: published without that row, the client would lose a
//     contact. The other clients are published.
//   - If rows contradict each other (two emails for one contact id, two kinds for one client), every client of those
//     rows is left out.
//   - A row with a missing or mistyped email is not bad. The contact exists, and the outcome of each invite says what
//     to correct.
//   - If the quoting is broken, the whole file is refused, since the end of the row can't be found.
//
// Each step has a file: text.go decodes bytes to text, table.go splits text into rows, columns.go finds the field of
// each column, row.go reads the cells, group.go collects the rows of each client and contact, and facts.go makes facts
// of them.
package importer
