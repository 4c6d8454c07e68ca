package pipeline

import (
	"context"
	"fmt"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// applyFacts projects a batch of facts. Facts wait for nothing: each carries the full state of one thing and its place in the
// stream, so any worker may apply them, in any order and any number of times.
func (w *Worker) applyFacts(ctx context.Context, _ *events.Barrier, batch []events.Delivery) error {
	return w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		var facts store.Facts
		for _, d := range batch {
			if err := project(&facts, d.Event); err != nil {
				return err
			}
		}
		if err := tx.ApplyFacts(ctx, &facts); err != nil {
			return err
		}
		// Then who has access because of them: it depends on who people are.
		for _, d := range batch {
			if err := l.applyAccess(ctx, tx, d.Event); err != nil {
				return err
			}
		}
		return nil
	})
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
	case *events.Grant: // changes access only
	case *events.Suppression:
		facts.Suppression(e.Firm, address.Parse(data.Email).Normal, data.Cause, e.Type == events.EmailUnsuppressed, at)
	case *events.Template:
		facts.Template(e.Firm, data.TemplateID, data.Name, data.Body, at)
	default:
		return fmt.Errorf("no projection for %s", e.Type)
	}
	return nil
}

func position(e events.Event) store.Position {
	return store.Position{Stream: e.At.Stream, Sequence: e.At.Sequence}
}
