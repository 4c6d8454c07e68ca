// Package importer reads a firm's clients and contacts from the CSV that its practice-management software or Excel exports,
// and turns them into facts. It does no I/O beyond the reader it is given.
//
// One row stands for one contact on one client; a client without contacts has one row with empty contact cells. Facts carry
// full states, so all rows of a client make one ClientUpserted and all rows of a contact one ContactUpserted. From that
// follows what happens to bad rows:
//
//   - A row that can't be read leaves its client out whole: the client without that row would be a client that has lost a
//     contact. The other clients go.
//   - Rows that contradict each other (two emails for one contact id, two kinds for one client) leave out every client
//     they stand on.
//   - A missing or mistyped email is no bad row. The contact exists, and the rules say at every invite what to correct.
//   - A file whose quoting is broken is refused whole: from there on nobody knows where a row ends.
//
// The steps, one file each: text.go makes text of bytes, table.go rows of text, columns.go finds out which column is
// which, row.go reads the cells, group.go puts rows
// together, facts.go makes facts of them.
package importer
