package ledger

import (
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

// Mark finds recipients that one request names twice, also if it names them once by contact and once by the contact's
// email. Their questions then name the first invite ([rules.Ask].DuplicateOf, ADR 16).
func (d Duplicates) Mark(book *rules.Book, candidates []Candidate) {
	for i := range candidates {
		c := &candidates[i]
		person, _ := book.Resolve(c.Ask)
		if person == "" {
			person = rules.Person(c.Ask.Recipient.Key())
		}
		key := mention{c.Request.ID, c.Ask.ClientID, person}
		c.Ask.DuplicateOf = d[key]
		if d[key] == "" {
			d[key] = c.Ask.InviteID
		}
	}
}
