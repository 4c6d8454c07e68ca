package answer

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// EventState is what became of an event.
type EventState string

// The states of an event.
const (
	EventUnknown    EventState = "unknown"     // neither the ledger nor the part of the stream that is looked at has it
	EventStored     EventState = "stored"      // the stream has it, and no worker has handled it yet
	EventWaits      EventState = "waits"       // a request waits for facts of its firm that came before it
	EventDeadLetter EventState = "dead_letter" // it could not be handled
	EventDecided    EventState = "decided"     // of a request: each recipient has an outcome, or is queued
	EventApplied    EventState = "applied"     // of a fact
	EventOlder      EventState = "older"       // of a fact: something newer is known about the same thing
)

// Receipt is what became of an event.
type Receipt struct {
	State      EventState
	Type       events.Type       // "" if the event is unknown
	Time       time.Time         // of a request: when it happened, as upstream says
	Sequence   uint64            // of a request: where the stream had it at first
	Stored     *events.Stored    // where the stream has it; nil if it was not looked for, or not found
	WaitsFor   *events.Stored    // of EventWaits: the first fact that is missing
	Letter     *store.DeadLetter // the newest letter that was not requeued
	Recipients []store.Status    // of a request that names its recipients, in the request's order
	Removal    *events.Request   // of a removal: who was named
	RunID      uuid.UUID         // of a request that became a run
}

// mostSearched is how many events of a firm are looked at behind the floor of each durable.
const mostSearched = 10_000

// ReceiptOf says what became of an event of a firm. sequence is where the stream has it, and 0 if that is not known:
// then a fact that was applied is unknown, because nobody keeps the ids of facts (ADR 161).
func (a *Answers) ReceiptOf(ctx context.Context, firm, source, id string, sequence uint64) (Receipt, error) {
	// The floors come first: what is acknowledged after that is still found in the stream.
	finder, err := events.OpenFinder(ctx, a.JS, firm)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := a.recorded(ctx, firm, source, id, sequence)
	if err != nil || receipt.State == EventDecided || receipt.isLetter(sequence) || finder == nil {
		return receipt, err
	}
	var found *events.Stored
	if sequence > 0 {
		found, err = finder.At(ctx, source, id, sequence)
	} else {
		found, err = finder.Unhandled(ctx, source, id, mostSearched)
	}
	if err != nil || found == nil || receipt.Letter != nil && found.Sequence <= receipt.Letter.At.Sequence {
		return receipt, err
	}
	receipt.Type, receipt.Stored, receipt.State = found.Type, found, EventStored
	return receipt, a.place(ctx, firm, finder, &receipt)
}

// isLetter says whether the event at a sequence is the dead letter. Without a sequence, it may have been corrected and
// published again under its id.
func (r Receipt) isLetter(sequence uint64) bool {
	return r.State == EventDeadLetter && r.Letter.At.Sequence == sequence
}

// recorded looks in the ledger.
func (a *Answers) recorded(ctx context.Context, firm, source, id string, sequence uint64) (Receipt, error) {
	receipt := Receipt{State: EventUnknown}
	err := a.store().Read(ctx, func(tx *store.Tx) error {
		letters, err := tx.LettersOf(ctx, firm, source, id)
		if err != nil {
			return err
		}
		receipt.Letter = letterOf(letters, sequence)
		request := ledger.RequestID(firm, source, id)
		requests, err := tx.LoadRequests(ctx, []uuid.UUID{request})
		if err != nil {
			return err
		}
		stored, decided := requests[request]
		switch {
		case receipt.Letter != nil && (!decided && sequence == 0 || receipt.Letter.At.Sequence == sequence):
			receipt.State, receipt.Type = EventDeadLetter, events.Type(receipt.Letter.Type)
			return nil
		case !decided:
			return nil
		}
		receipt.State, receipt.Type = EventDecided, events.Type(stored.Type)
		receipt.Time, receipt.Sequence = stored.Time, stored.At.Sequence
		return addDecided(ctx, tx, stored, &receipt)
	})
	return receipt, err
}

// letterOf picks the letter of an event: the one with that sequence, or else the newest. One that was requeued is an
// event of the stream again.
func letterOf(letters []store.DeadLetter, sequence uint64) *store.DeadLetter {
	var newest *store.DeadLetter
	for i, letter := range letters {
		switch {
		case letter.State == store.LetterRequeued:
		case letter.At.Sequence == sequence:
			return &letters[i]
		case newest == nil:
			newest = &letters[i]
		}
	}
	return newest
}

// addDecided adds what became of the recipients of a request.
func addDecided(ctx context.Context, tx *store.Tx, request store.Request, receipt *Receipt) error {
	if !receipt.Type.NamesPeople() {
		receipt.RunID = ledger.RunID(request.ID)
		return nil
	}
	data, err := events.DecodeData(receipt.Type, request.Data)
	if err != nil {
		return fmt.Errorf("read request %s: %w", request.ID, err)
	}
	if receipt.Type.Removes() {
		receipt.Removal, _ = data.(*events.Request)
		return nil
	}
	candidates, err := ledger.Recipients(request, events.Event{Firm: request.FirmID, Type: receipt.Type, Data: data})
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(candidates))
	for i, c := range candidates {
		ids[i] = c.Invite.ID
	}
	found, err := tx.RecipientsByID(ctx, request.FirmID, ids)
	if err != nil {
		return err
	}
	byID := make(map[uuid.UUID]store.Status, len(found))
	for _, status := range found {
		byID[status.Invite.ID] = status
	}
	for _, id := range ids {
		if status, isThere := byID[id]; isThere { // finished invites are pruned after years
			receipt.Recipients = append(receipt.Recipients, status)
		}
	}
	return nil
}

// place says how far the workers are with an event that the stream has.
func (a *Answers) place(ctx context.Context, firm string, finder *events.Finder, receipt *Receipt) error {
	floor, err := a.store().FactFloor(ctx, firm)
	if err != nil {
		return err
	}
	known, err := a.store().EventStream(ctx, finder.Created())
	if err != nil {
		return err
	}
	epochs := events.NewEpochs(known.Firsts, known.Begins)
	last := receipt.Stored.Sequence
	missing, err := finder.MissingFact(ctx, last, epochs.Sequence(events.Position(floor)))
	if err != nil {
		return err
	}
	prefix, err := receipt.Type.Prefix()
	switch {
	case err != nil: // of no type of ours: it becomes a dead letter
		return nil //nolint:nilerr // that is no failure of the question
	case prefix == events.Facts && missing == nil:
		return a.applied(ctx, epochs, receipt)
	case prefix == events.Facts:
	case missing != nil && missing.Type != events.MailReported: // for reports, a request waits a moment only (ADR 117)
		receipt.State, receipt.WaitsFor = EventWaits, missing
	}
	return nil
}

// applied says whether a fact that was applied is still the newest about its thing.
func (a *Answers) applied(ctx context.Context, epochs events.Epochs, receipt *Receipt) error {
	receipt.State = EventApplied
	event, err := receipt.Stored.Decode()
	if err != nil {
		receipt.State = EventStored // about to become a dead letter
		return nil                  //nolint:nilerr // that is no failure of the question
	}
	event.At = epochs.At(receipt.Stored.Sequence)
	var newest store.Position
	err = a.store().Read(ctx, func(tx *store.Tx) (err error) {
		newest, err = newestAbout(ctx, tx, event)
		return err
	})
	if place := store.Position(event.Place()); place.Before(newest) {
		receipt.State = EventOlder
	}
	return err
}
