package ledger

import (
	"github.com/google/uuid"

	"portal-invites/internal/rules"
)

// mention is a recipient of a request, by the person behind it.
type mention struct {
	request uuid.UUID
	client  string
	person  rules.Person
}

// Duplicates remembers the recipients that were named, each with the invite of the first mention.
type Duplicates map[mention]string

// Mark finds the recipients that one request names twice, also where it does so in two ways: by contact, and by that contact's
// email. Their questions then name the first invite ([rules.Ask].DuplicateOf).
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
