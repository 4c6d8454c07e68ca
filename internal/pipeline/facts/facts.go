// Package facts applies upstream's facts about firms, clients, contacts and access to the database.
package facts

import (
	"context"
	"errors"
	"fmt"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// Batch is how many facts are applied together. Larger batches share more round trips; smaller ones wait less for each
// other.
const Batch = 500

// Projector applies facts. It is safe for concurrent use.
type Projector struct{ Ledger *ledger.Ledger }

// Handle applies a batch. Most facts wait for nothing. Each has the full state of one thing and its position in the
// stream, so any worker may apply them, in any order and any number of times. Facts that say who has access are applied
// after them, in the stream's order, because their effect depends on who people are and on each other. A removal is
// such a fact. One transaction writes its tombstone and ends the access, so nobody sees a removed contact who still has
// access.
func (p Projector) Handle(ctx context.Context, barrier *events.Barrier, batch []events.Delivery) error {
	var states, accesses []events.Delivery
	for _, d := range batch {
		if d.Type.ChangesAccess() {
			accesses = append(accesses, d)
		} else {
			states = append(states, d)
		}
	}
	if err := p.Ledger.Store.Tx(ctx, func(tx *store.Tx) error { return applyStates(ctx, tx, states) }); err != nil {
		return err
	}
	events.Ack(states) // other workers may wait for these facts
	for len(accesses) > 0 {
		n, err := barrier.Turn(ctx, len(accesses), accesses[0].At.Sequence)
		if errors.Is(err, events.ErrNotOurTurn) {
			events.Return(accesses) // the broker redelivers them, together with the facts of a dead worker
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.applyAccesses(ctx, accesses[:n]); err != nil {
			return err
		}
		accesses = accesses[n:]
	}
	return nil
}

// applyStates writes the states that facts carry, tombstones included.
func applyStates(ctx context.Context, tx *store.Tx, states []events.Delivery) error {
	var facts store.Facts
	for _, d := range states {
		if err := project(&facts, d.Event); err != nil {
			return err
		}
	}
	return tx.ApplyFacts(ctx, &facts)
}

func (p Projector) applyAccesses(ctx context.Context, facts []events.Delivery) error {
	err := p.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		for i, d := range facts {
			if err := applyStates(ctx, tx.Tx, facts[i:i+1]); err != nil {
				return err
			}
			if err := applyAccess(ctx, tx, d.Event); err != nil {
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

// applyAccess changes the access that a fact is about, and reports the changes.
func applyAccess(ctx context.Context, tx *ledger.Tx, e events.Event) error {
	at := store.Position(e.At)
	var removed []store.AccessChange
	var err error
	switch data := e.Data.(type) {
	case *events.Grant:
		granted, err := tx.Grant(
			ctx, e.Firm, data.ClientID, data.ContactID, address.Parse(data.Email), data.GrantedAt, at, tx.Now)
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
