package facts

import (
	"context"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// loggedIn adds a login to facts before it, which leave the access of the person alone.
func loggedIn(facts *store.Facts, e events.Event, login *events.Grant) {
	facts.LoggedIn(e.Firm, login.ClientID, login.ContactID, address.Parse(login.Email).Normal, store.Position(e.Place()))
}

// reportEnded reports the access that facts have ended. Each outcome names as its cause the fact because of which the
// access no longer held. If another worker has applied that one, the cause is the newest of these facts about the
// client or, if there is none, of the firm: it was the occasion to look.
func reportEnded(ctx context.Context, tx *ledger.Tx, ended []store.AccessChange, facts []events.Event) error {
	for _, change := range ended {
		if err := tx.ReportRemoved(ctx, []store.AccessChange{change}, ledger.RequestOf(causeOf(change, facts))); err != nil {
			return err
		}
	}
	return nil
}

func causeOf(change store.AccessChange, facts []events.Event) (cause events.Event) {
	rankOfCause := -1
	for _, fact := range facts {
		client, isClient := fact.Data.(*events.Client)
		rank := 0
		switch {
		case fact.Firm != change.FirmID:
			continue
		case fact.Place().Sequence == change.EndedBy.Sequence:
			return fact
		case isClient && client.ClientID == change.ClientID:
			rank = 1
		}
		newer := rank == rankOfCause && store.Position(cause.Place()).Before(store.Position(fact.Place()))
		if rank > rankOfCause || newer {
			cause, rankOfCause = fact, rank
		}
	}
	return cause
}
