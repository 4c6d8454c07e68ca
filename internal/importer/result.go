package importer

import (
	"fmt"
	"io"
	"slices"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// Options replace columns that the file does not have. They never override a cell.
type Options struct {
	// Kind is the kind of every client if the file has no column for it, or if the client's cells are empty. If Kind is
	// "", the column is required.
	Kind rules.ClientKind
	// Primary says what every contact is if the file has no column for it: PrimaryContact or OtherContact. If Primary is
	// "", the column is required.
	Primary string
}

// The values of Options.Primary.
const (
	PrimaryContact = "primary"
	OtherContact   = "other"
)

// Import is the result of reading a file: the facts that can be published, and the problems of the rest.
type Import struct {
	Rows      int    // rows read, without the header and blank rows
	Encoding  string // UTF-8, UTF-16 or Windows-1252
	Separator string
	Ignored   []string // headers of columns that are not known

	// Contacts and Clients are in the order of the file. Contacts has every contact that a client names. So if contacts
	// are published first, no client names an unknown contact.
	Contacts []events.Contact
	Clients  []events.Client

	Problems []Problem // in the order of the file
	LeftOut  []LeftOut // clients with problems, in the order of the file
}

// RefusedRows counts the rows with problems.
func (i *Import) RefusedRows() int {
	lines := make([]int, len(i.Problems))
	for n, p := range i.Problems {
		lines[n] = p.Line
	}
	slices.Sort(lines)
	return len(slices.Compact(lines))
}

// Problem is one problem of one row. It never has the cell's content.
type Problem struct {
	Line  int    `json:"line"`
	Field Field  `json:"field"`
	Text  string `json:"problem"`
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s: %s", p.Line, p.Field, p.Text) }

// LeftOut is a client that is not published because the rows at Lines have problems.
type LeftOut struct {
	ClientID string `json:"client_id"`
	Lines    []int  `json:"lines"`
}

// Read reads an export. An error is about the file as a whole: its encoding, its quoting or missing columns. The
// problems of single rows are in the Import's Problems.
func Read(r io.Reader, o Options) (*Import, error) {
	text, encodingName, err := readText(r)
	if err != nil {
		return nil, err
	}
	t, err := readTable(text)
	if err != nil {
		return nil, err
	}
	c, err := matchColumns(t.header.cells)
	if err != nil {
		return nil, err
	}
	if err := c.require(o); err != nil {
		return nil, err
	}
	g := newGroups(c, o)
	for _, rec := range t.records {
		g.add(readRow(rec, c, o))
	}
	result := g.facts()
	result.Rows, result.Ignored = len(t.records), c.ignored
	result.Encoding, result.Separator = encodingName, separatorName(t.separator)
	return result, nil
}
