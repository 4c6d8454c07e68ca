package importer

import (
	"fmt"
	"strings"

	"portal-invites/internal/rules"
)

// row has the values of one record, about a client and a contact. A value is nil or empty if its cell was empty.
type row struct {
	line int

	clientID   string
	clientName string
	kind       rules.ClientKind
	active     *bool

	hasContact  bool
	contactID   string
	contactName string
	email       string // as in the cell: the rules check it
	primary     bool
	locale      string

	problems []Problem
}

func (r *row) wrong(field Field, problem string, args ...any) {
	r.problems = append(r.problems, Problem{r.line, field, fmt.Sprintf(problem, args...)})
}

// readRow reads the cells of one record.
func readRow(rec record, c columns, o Options) row {
	r := row{line: rec.line, clientID: c.cell(rec, ClientID), clientName: c.cell(rec, ClientName)}
	if overflows(rec, c.width) {
		// The cells after the surplus separator are shifted. A problem for each of them would hide the cause.
		r.wrong("row", "has more cells than the header has columns: is there a separator in a cell without quotes?")
		if r.clientID != "" {
			r.clientName = ""
		}
		return r
	}
	r.contactID, r.email, r.locale = c.cell(rec, ContactID), c.cell(rec, Email), c.cell(rec, Locale)
	r.contactName = c.cell(rec, ContactName)
	if r.contactName == "" {
		r.contactName = strings.TrimSpace(c.cell(rec, FirstName) + " " + c.cell(rec, LastName))
	}
	r.hasContact = r.contactID != "" || r.contactName != "" || r.email != ""
	r.readKind(c.cell(rec, Kind))
	r.readActive(c.cell(rec, Status), c.cell(rec, Archived))
	r.readPrimary(c.cell(rec, Primary), c.has(Primary), o)
	return r
}

// overflows says whether a cell beyond the header is filled. Empty ones are trailing separators, which spreadsheets
// often add.
func overflows(rec record, width int) bool {
	for i := width; i < len(rec.cells); i++ {
		if clean(rec.cells[i]) != "" {
			return true
		}
	}
	return false
}

func (r *row) readKind(cell string) {
	switch folded := fold(cell); {
	case folded == "":
	case individualWords[folded]:
		r.kind = rules.Individual
	case businessWords[folded]:
		r.kind = rules.Business
	default:
		r.wrong(Kind, "must be Individual or Business (or Person, Company, LLC and the like)")
	}
}

func (r *row) readActive(status, archived string) {
	if folded := fold(status); folded != "" {
		r.setActive(Status, activeWords[folded], inactiveWords[folded], "must be Active, Archived or Inactive, or yes or no")
	}
	if folded := fold(archived); folded != "" {
		r.setActive(Archived, noWords[folded], yesWords[folded], "must be yes or no")
	}
}

func (r *row) setActive(field Field, active, inactive bool, problem string) {
	if active == inactive {
		r.wrong(field, "%s", problem)
		return
	}
	r.active = &active
}

// readPrimary reads an empty cell as "not Primary": people tick such a column, or leave it empty.
func (r *row) readPrimary(cell string, hasColumn bool, o Options) {
	folded := fold(cell)
	switch {
	case !hasColumn:
		r.primary = o.Primary == PrimaryContact
	case primaryWords[folded] || tickMarks[cell]:
		r.primary = true
	case folded == "" && strings.Trim(cell, "-–—") == "" || otherWords[folded]:
	default:
		r.wrong(Primary, "must be Primary or Other, or yes or no")
	}
}

func words(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, w := range list {
		set[w] = true
	}
	return set
}

// The words that exports write into these cells, folded to letters and digits.
var (
	individualWords = words("individual", "individuals", "person", "personal", "private", "household", "family", "couple",
		"joint", "ind", "i", "1040")
	businessWords = words("business", "businesses", "company", "corporation", "corp", "scorp", "scorporation", "ccorp",
		"ccorporation", "inc", "llc", "llp", "partnership", "organization", "organisation", "org", "nonprofit", "charity",
		"trust", "estate", "entity", "bus", "b")
	activeWords   = words("active", "current", "open", "yes", "y", "true", "1", "x")
	inactiveWords = words("archived", "archive", "inactive", "closed", "former", "disabled", "no", "n", "false", "0")
	yesWords      = words("yes", "y", "true", "t", "1", "x", "archived", "inactive")
	noWords       = words("no", "n", "false", "f", "0", "active")
	primaryWords  = words("primary", "primarycontact", "main", "yes", "y", "true", "t", "1", "x")
	otherWords    = words("other", "othercontact", "secondary", "additional", "no", "n", "false", "f", "0", "notprimary",
		"nonprimary")
	tickMarks = map[string]bool{"✓": true, "✔": true, "☑": true, "*": true}
)
