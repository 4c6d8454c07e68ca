package pipeline

import (
	"github.com/google/uuid"

	"portal-invites/internal/rules"
)

// mention is a recipient of a request, by who they turned out to be.
type mention struct {
	request uuid.UUID
	client  string
	person  rules.Person
}

// mentions are the recipients that were named, each with the invite of the first mention.
type mentions map[mention]string

// mark finds the recipients that one request names twice, also where it does so in two ways: by contact, and by that contact's
// email.
func (m mentions) mark(book *rules.Book, candidates []candidate) {
	for i := range candidates {
		c := &candidates[i]
		person, _ := book.Resolve(c.ask)
		if person == "" {
			person = rules.Person(c.ask.Recipient.Key())
		}
		key := mention{c.request.ID, c.ask.ClientID, person}
		c.ask.DuplicateOf = m[key]
		if m[key] == "" {
			m[key] = c.ask.InviteID
		}
	}
}
