package facts

import (
	"context"
	"fmt"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// applyAccess changes the access that a fact is about, and reports the changes.
func applyAccess(ctx context.Context, tx *ledger.Tx, e events.Event) error {
	at := store.Position(e.At)
	var removed []store.AccessChange
	var err error
	switch data := e.Data.(type) {
	case *events.Grant:
		login := data.GrantedAt
		if login.After(tx.Now) {
			login = tx.Now // or no later login would count until then
		}
		granted, err := tx.Grant(
			ctx, e.Firm, data.ClientID, data.ContactID, address.Parse(data.Email), login, at, tx.Now)
		if err != nil {
			return err
		}
		return tx.ReportAccepted(ctx, granted)
	case *events.RemovedContact:
		removed, err = tx.EndContact(ctx, e.Firm, data.ContactID, at)
	case *events.RemovedClient:
		removed, err = tx.EndClient(ctx, e.Firm, data.ClientID, at)
	case *events.Firm, *events.Client, *events.Contact, *events.Suppression, *events.Template:
		return nil // these do not change access
	case *events.Request, *events.BulkRequest, *events.ReplayRequest:
		return fmt.Errorf("%s is not a fact", e.Type)
	}
	if err != nil {
		return err
	}
	return tx.ReportRemoved(ctx, removed, ledger.RequestOf(e))
}
