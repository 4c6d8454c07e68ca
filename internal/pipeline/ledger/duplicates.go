package ledger

import (
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
)

// mention is a recipient of a request, by person.
type mention struct {
	request uuid.UUID
	client  string
	person  rules.Person
}

// Duplicates has the recipients that were mentioned so far, each with the invite of the first mention.
type Duplicates map[mention]string

// Mark finds out whether the request has named a recipient before, also if it names them once by contact and once by
// the contact's email. The question then names the first invite ([rules.Ask].DuplicateOf, ADR 16). Whom an
// email means depends on the candidates before, so mark one when those are decided.
func (d Duplicates) Mark(book *rules.Book, c *Candidate, now time.Time) {
	person, _ := book.Resolve(c.Ask, now)
	if person == "" {
		person = rules.Person(c.Ask.Recipient.Key())
	}
	key := mention{c.Request.ID, c.Ask.ClientID, person}
	c.Ask.DuplicateOf = d[key]
	if d[key] == "" {
		d[key] = c.Ask.InviteID
	}
}
