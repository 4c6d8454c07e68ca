package answer

import (
	"context"
	"errors"
	"slices"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// contacts is what the facts that the ledger may lack say about contacts, by firm. The facts are read between two
// transactions, when the first invite of their firm has asked for them.
type contacts struct {
	known   map[string]map[string][]named // by firm and contact
	missing map[string]bool               // the firms whose facts must be read first
}

// named is how a fact names a contact.
type named struct{ name, email string }

// errContactsMissing ends a transaction that needs facts which nobody has read yet.
var errContactsMissing = errors.New("facts about contacts must be read first")

// find is a [ledger.FindEmail]. The newest of several facts counts.
func (c *contacts) find(
	_ context.Context, firm, contact, masked string,
) (name string, email rules.Email, found bool, err error) {
	known, read := c.known[firm]
	if !read {
		if c.missing == nil {
			c.missing = map[string]bool{}
		}
		c.missing[firm] = true
	}
	for _, fact := range slices.Backward(known[contact]) {
		if email := address.Parse(fact.email); email.Masked() == masked {
			return fact.name, email, true, nil
		}
	}
	return "", rules.Email{}, false, nil
}

// readContacts reads the facts of the firms whose facts are missing.
func (r *recovery) readContacts(ctx context.Context) error {
	floors, err := r.floors(ctx)
	if err != nil {
		return err
	}
	if r.known == nil {
		r.known = map[string]map[string][]named{}
	}
	for firm := range r.missing {
		facts, err := events.ContactsOf(ctx, r.JS, firm, floors[events.FactsDurable])
		if err != nil {
			return err
		}
		of := map[string][]named{}
		for _, fact := range facts {
			of[fact.ContactID] = append(of[fact.ContactID], named{fact.Name, fact.Email})
		}
		r.known[firm] = of
		delete(r.missing, firm)
	}
	return nil
}
