package facts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// applyAccess applies facts about access: first those of one firm, then those of the next one. Within a firm, they are
// applied in the given order, which is the stream's. Grants that follow each other are applied together.
func applyAccess(ctx context.Context, tx *ledger.Tx, facts []events.Event) error {
	facts, err := withoutErased(ctx, tx, facts)
	if err != nil {
		return err
	}
	slices.SortStableFunc(facts, func(a, b events.Event) int { return cmp.Compare(a.Firm, b.Firm) })
	for len(facts) > 0 {
		n := slices.IndexFunc(facts, func(e events.Event) bool { return e.Type != events.PortalAccessGranted })
		if n < 0 {
			n = len(facts)
		}
		if err := applyGrants(ctx, tx, facts[:n]); err != nil {
			return err
		}
		if facts = facts[n:]; len(facts) == 0 {
			return nil
		}
		if err := applyOne(ctx, tx, facts[0]); err != nil {
			return err
		}
		facts = facts[1:]
	}
	return nil
}

// clockTolerance is how far a publisher's clock may be ahead before anybody is warned of it.
const clockTolerance = time.Minute

func applyGrants(ctx context.Context, tx *ledger.Tx, facts []events.Event) error {
	if len(facts) == 0 {
		return nil
	}
	grants := make([]store.Grant, len(facts))
	for i, e := range facts {
		data, ok := e.Data.(*events.Grant)
		if !ok {
			return fmt.Errorf("no grant in %s", e.Type)
		}
		grants[i] = store.Grant{
			FirmID: e.Firm, ClientID: data.ClientID, ContactID: data.ContactID, Email: address.Parse(data.Email),
			GrantedAt: data.GrantedAt, At: store.Position(e.Place()),
		}
		if reported := grants[i].GrantedAt; reported.After(tx.Now) {
			grants[i].GrantedAt = tx.Now // or no later login would count until then
			if reported.After(tx.Now.Add(clockTolerance)) {
				grants[i].Told = reported
			}
		}
	}
	granted, err := tx.Grant(ctx, grants, tx.Now)
	if err != nil {
		return err
	}
	return tx.ReportAccepted(ctx, granted)
}

// applyOne applies a removal, a merge, or a report that a mail came back.
func applyOne(ctx context.Context, tx *ledger.Tx, e events.Event) error {
	if merge, is := e.Data.(*events.Merge); is {
		merged, err := tx.Merge(ctx, e.Firm, merge.From, merge.Into, store.Position(e.At))
		if err != nil {
			return err
		}
		return tx.MoveMerged(ctx, merged)
	}
	if e.Type != events.MailReported {
		return applyRemoval(ctx, tx, e)
	}
	if err := tx.ReportMails(ctx, []events.Event{e}); err != nil {
		return err
	}
	return tx.Flush(ctx) // the next one may be about the same invite
}

// applyRemoval writes the tombstone of what a fact removes, and ends its access.
func applyRemoval(ctx context.Context, tx *ledger.Tx, e events.Event) error {
	at := store.Position(e.Place())
	var email string // the tombstone has none
	var err error
	if data, ok := e.Data.(*events.RemovedContact); ok {
		if email, err = tx.EmailBefore(ctx, e.Firm, data.ContactID, at); err != nil {
			return err
		}
	}
	if err := applyStates(ctx, tx, []events.Event{e}, nil); err != nil {
		return err
	}
	var removed []store.AccessChange
	switch data := e.Data.(type) {
	case *events.RemovedContact:
		removed, err = tx.EndContact(ctx, e.Firm, data.ContactID, email, at)
	case *events.RemovedClient:
		removed, err = tx.EndClient(ctx, e.Firm, data.ClientID, at)
	case *events.Grant, *events.Merge, *events.Firm, *events.Client, *events.Contact, *events.Suppression,
		*events.MailReport, *events.Template, *events.RemovedTemplate, *events.Request, *events.BulkRequest,
		*events.ReplayRequest, *events.Instruction, *events.Schedule, *events.Erasure:
		return fmt.Errorf("%s removes nothing", e.Type)
	}
	if err != nil {
		return err
	}
	return tx.ReportRemoved(ctx, removed, ledger.RequestOf(e))
}
