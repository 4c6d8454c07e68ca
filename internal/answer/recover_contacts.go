package answer

import (
	"context"
	"maps"
	"slices"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// nameContacts keeps with each recovered outcome what the facts say about its contact, whose email it shows masked. A
// request may be decided again before the ledger has those facts. Only facts that the ledger may lack are read.
func (r *recovery) nameContacts(ctx context.Context) error {
	floors, err := r.floors(ctx)
	if err != nil {
		return err
	}
	var firms []string
	err = r.ledger.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		firms, err = tx.RecoveredFirms(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, firm := range firms {
		facts, err := events.ContactsOf(ctx, r.JS, firm, floors[events.FactsDurable])
		if err != nil {
			return err
		}
		named := namesIn(facts)
		err = r.ledger.Store.Tx(ctx, func(tx *store.Tx) error { return tx.NameRecovered(ctx, firm, named) })
		if err != nil {
			return err
		}
	}
	return nil
}

// namesIn returns each contact once with each masked email that it has had. The newest of several facts counts.
func namesIn(facts []*events.Contact) []store.NamedContact {
	type key struct{ contact, masked string }
	named := map[key]store.NamedContact{}
	for _, fact := range facts {
		if email := address.Parse(fact.Email); email.Normal != "" {
			named[key{fact.ContactID, email.Masked()}] = store.NamedContact{
				ContactID: fact.ContactID, Name: fact.Name, Email: fact.Email, Masked: email.Masked(),
			}
		}
	}
	return slices.Collect(maps.Values(named))
}
