package importer

import (
	"fmt"
	"io"
	"slices"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// Options stand in for columns that the file does not have. They never change what a cell says.
type Options struct {
	// Kind is what every client of the file is, where it has no column for it or an empty cell. "" for nothing: then the
	// column is required.
	Kind rules.ClientKind
	// Primary is PrimaryContact or OtherContact, what every contact is where the file has no column for it. "" for nothing:
	// then the column is required.
	Primary string
}

// The values of Options.Primary.
const (
	PrimaryContact = "primary"
	OtherContact   = "other"
)

// Import is what was read: the facts that can be published, and what is wrong with the rest.
type Import struct {
	Rows      int    // rows read, blank ones and the header not counted
	Encoding  string // UTF-8, UTF-16 or Windows-1252
	Separator string
	Ignored   []string // headers of columns that mean nothing here

	// Contacts and Clients are in the order of the file. Every contact that a client names is among the contacts, so
	// publishing contacts first never lets a client name somebody unknown.
	Contacts []events.Contact
	Clients  []events.Client

	Problems []Problem // in the order of the file
	LeftOut  []LeftOut // clients that the problems touch, in the order of the file
}

// RefusedRows counts the rows that something is wrong with.
func (i *Import) RefusedRows() int {
	lines := make([]int, len(i.Problems))
	for n, p := range i.Problems {
		lines[n] = p.Line
	}
	slices.Sort(lines)
	return len(slices.Compact(lines))
}

// Problem is one thing that is wrong with one row. It never repeats what stands in the cell.
type Problem struct {
	Line  int    `json:"line"`
	Field Field  `json:"field"`
	Text  string `json:"problem"`
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s: %s", p.Line, p.Field, p.Text) }

// LeftOut is a client that is not published because of what is wrong with the rows at Lines.
type LeftOut struct {
	ClientID string `json:"client_id"`
	Lines    []int  `json:"lines"`
}

// Read reads an export. The error is about the file as a whole (encoding, quoting, columns that are missing); what is
// wrong with single rows stands in the Import's Problems.
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
	result.Rows, result.Encoding, result.Separator, result.Ignored = len(t.records), encodingName, separatorName(t.separator), c.ignored
	return result, nil
}
