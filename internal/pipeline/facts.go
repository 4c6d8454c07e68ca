package pipeline

import (
	"context"
	"errors"
	"fmt"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// applyFacts projects a batch of facts. Most wait for nothing: each carries the full state of one thing and its place in the
// stream, so any worker may apply them, in any order and any number of times. Those that say who has access are applied after
// them, and in the stream's order: what they do depends on who people are, and on each other. A removal is one of those, and
// its tombstone is written with what it ends: whoever sees that a contact is gone sees that the access is gone as well.
func (w *Worker) applyFacts(ctx context.Context, barrier *events.Barrier, batch []events.Delivery) error {
	var states, accesses []events.Delivery
	for _, d := range batch {
		if d.Type.ChangesAccess() {
			accesses = append(accesses, d)
		} else {
			states = append(states, d)
		}
	}
	if err := w.Store.Tx(ctx, func(tx *store.Tx) error { return applyStates(ctx, tx, states) }); err != nil {
		return err
	}
	events.Ack(states) // other workers may be waiting for them
	for len(accesses) > 0 {
		n, err := barrier.Turn(ctx, len(accesses), accesses[0].At.Sequence)
		if errors.Is(err, events.ErrNotOurTurn) {
			events.Return(accesses) // they come again, and what a dead worker held comes with them
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.applyAccesses(ctx, accesses[:n]); err != nil {
			return err
		}
		accesses = accesses[n:]
	}
	return nil
}

// applyStates writes what facts say of the things they are about, tombstones included.
func applyStates(ctx context.Context, tx *store.Tx, states []events.Delivery) error {
	var facts store.Facts
	for _, d := range states {
		if err := project(&facts, d.Event); err != nil {
			return err
		}
	}
	return tx.ApplyFacts(ctx, &facts)
}

func (w *Worker) applyAccesses(ctx context.Context, facts []events.Delivery) error {
	err := w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		for i, d := range facts {
			if err := applyStates(ctx, tx, facts[i:i+1]); err != nil {
				return err
			}
			if err := l.applyAccess(ctx, tx, d.Event); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		events.Ack(facts)
	}
	return err
}

func project(facts *store.Facts, e events.Event) error {
	at := position(e)
	switch data := e.Data.(type) {
	case *events.Firm:
		facts.Firm(rules.Firm{
			ID: e.Firm, Name: data.Name, PortalURL: data.PortalURL, ReplyTo: data.ReplyTo, LogoURL: data.LogoURL,
			Color: data.BrandColor, Locale: data.Locale, Licenses: data.Licenses, RemindAfter: data.RemindAfter(),
		}, at)
	case *events.Client:
		client := rules.Client{ID: data.ClientID, Kind: rules.ClientKind(data.Kind), Name: data.Name, Active: data.IsActive()}
		for _, c := range data.Contacts {
			client.Contacts = append(client.Contacts, rules.ClientContact(c))
		}
		facts.Client(e.Firm, client, at)
	case *events.RemovedClient:
		facts.ClientRemoved(e.Firm, data.ClientID, at)
	case *events.Contact:
		facts.Contact(e.Firm, rules.Contact{
			ID: data.ContactID, Name: data.Name, Email: address.Parse(data.Email), Locale: data.Locale,
		}, at)
	case *events.RemovedContact:
		facts.ContactRemoved(e.Firm, data.ContactID, at)
	case *events.Grant: // the state of nothing but an access
	case *events.Suppression:
		facts.Suppression(e.Firm, address.Parse(data.Email).Normal, data.Cause, e.Type == events.EmailUnsuppressed, at)
	case *events.Template:
		facts.Template(e.Firm, data.TemplateID, data.Name, data.Body, at)
	case *events.Request, *events.BulkRequest, *events.ReplayRequest:
		return fmt.Errorf("no projection for %s", e.Type)
	}
	return nil
}

func position(e events.Event) store.Position {
	return store.Position{Stream: e.At.Stream, Sequence: e.At.Sequence}
}
