package answer

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Requeue publishes the original of a dead letter again. It is the same event, with the same CloudEvents identity and
// the same place among the events (ADR 142), so nothing happens twice.
func (a *Answers) Requeue(ctx context.Context, letter store.DeadLetter) error {
	header := toHeader(letter.Headers)
	msg := events.Requeued(letter.Subject, header, letter.Body, events.Position(letter.At))
	if _, err := a.JS.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("publish dead letter %s again: %w", letter.ID, err)
	}
	return nil
}

// Known is where in the stream of events something is known from that a dead letter is about too.
type Known struct {
	Sequence uint64
	Since    time.Time // when it came; zero if the stream no longer has it
}

// KnownAfter says what came after a dead letter about the same thing or access. Then the letter changes nothing any
// more. It returns nil if nothing did.
func (a *Answers) KnownAfter(ctx context.Context, letter store.DeadLetter) (*Known, error) {
	event, err := events.Decode(letter.Subject, toHeader(letter.Headers), letter.Body)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // it can't be read, so nobody knows
	}
	var newest store.Position
	err = a.store().Read(ctx, func(tx *store.Tx) (err error) {
		newest, err = newestAbout(ctx, tx, event)
		return err
	})
	if err != nil || !letter.At.Before(newest) {
		return nil, err
	}
	since, err := events.StoredAt(ctx, a.JS, event.Firm, newest.Sequence)
	return &Known{newest.Sequence, since}, err
}

// newestAbout is the position of the newest fact about what an event says, or of the newest event about the access that
// it changes.
func newestAbout(ctx context.Context, tx *store.Tx, e events.Event) (store.Position, error) {
	switch data := e.Data.(type) {
	case *events.Firm:
		return tx.NewestAbout(ctx, e.Firm, rules.FirmThing)
	case *events.Client:
		return tx.NewestAbout(ctx, e.Firm, rules.ClientThing(data.ClientID))
	case *events.RemovedClient:
		return tx.NewestAbout(ctx, e.Firm, rules.ClientThing(data.ClientID))
	case *events.Contact:
		return tx.NewestAbout(ctx, e.Firm, rules.ContactThing(data.ContactID))
	case *events.RemovedContact:
		return tx.NewestAbout(ctx, e.Firm, rules.ContactThing(data.ContactID))
	case *events.Template:
		return tx.NewestAbout(ctx, e.Firm, rules.TemplateThing(data.TemplateID))
	case *events.RemovedTemplate:
		return tx.NewestAbout(ctx, e.Firm, rules.TemplateThing(data.TemplateID))
	case *events.Grant:
		return tx.NewestOfAccess(ctx, e.Firm, data.ClientID, rules.ContactPerson(data.ContactID))
	case *events.Request, *events.BulkRequest, *events.ReplayRequest: // decided on what is known when it comes
	case *events.Instruction, *events.Schedule: // a run obeys when it comes
	case *events.Erasure: // one that is older than what is known changes nothing
	case *events.Merge, *events.MailReport, *events.Suppression: // the first two have no order; see ADR 102 for the third
	}
	return store.Position{}, nil
}

func toHeader(kept map[string][][]byte) nats.Header {
	header := make(nats.Header, len(kept))
	for name, values := range kept {
		for _, value := range values {
			header[name] = append(header[name], string(value))
		}
	}
	return header
}
