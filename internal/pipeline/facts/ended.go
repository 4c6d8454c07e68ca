package facts

import (
	"context"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// loggedIn adds a login to facts before it, which leave the access of the person alone.
func loggedIn(facts *store.Facts, e events.Event, login *events.Grant) {
	facts.LoggedIn(e.Firm, login.ClientID, login.ContactID, address.Parse(login.Email).Normal, store.Position(e.Place()))
}

// reportEnded reports the access that facts have ended. Each outcome names as its cause the newest of these facts about
// the contact or the client.
func reportEnded(ctx context.Context, tx *ledger.Tx, ended []store.AccessChange, facts []events.Event) error {
	newest := map[[3]string]events.Event{}
	note := func(kind, id string, fact events.Event) {
		about := [3]string{kind, fact.Firm, id}
		if known, ok := newest[about]; !ok || store.Position(known.Place()).Before(store.Position(fact.Place())) {
			newest[about] = fact
		}
	}
	for _, fact := range facts {
		if data, ok := fact.Data.(*events.Contact); ok {
			note("contact", data.ContactID, fact)
		}
		if data, ok := fact.Data.(*events.Client); ok {
			note("client", data.ClientID, fact)
		}
	}
	for _, change := range ended {
		contact, ofContact := newest[[3]string{"contact", change.FirmID, change.Person.ContactID()}]
		cause, ofClient := newest[[3]string{"client", change.FirmID, change.ClientID}]
		if ofContact && (!ofClient || change.Why == rules.ByEmailChange) {
			cause = contact
		}
		if err := tx.ReportRemoved(ctx, []store.AccessChange{change}, ledger.RequestOf(cause)); err != nil {
			return err
		}
	}
	return nil
}
