package recovery_test

import (
	"errors"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/facts"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// The database is restored to a moment before two facts about access. Another stage of the worker meets it first. Then
// the two are delivered again, while their stage still remembers that they are applied. They are not passed over.
func TestNoFactIsPassedOverByWhatAnotherDatabaseHad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.ByHand(store.IndividualLane, r.Config())
	projector, barrier := facts.Projector{Ledger: p.Ledger}, r.Barrier()
	r.Office(2)
	handle := func(n int) []events.Delivery {
		batch := r.Taken(events.FactsDurable, n)
		testenv.Eventually(t, time.Minute, func() error { // a backup ends the connections
			_, err := projector.Handle(r.Ctx, barrier, batch)
			return err
		})
		events.Ack(batch)
		return batch
	}
	handle(int(r.StreamSize(events.EventsStream)))
	having := p.Consumers.Databases()
	restore := testenv.BackUp(t, r.DatabaseURL)

	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "k0"})
	r.UpsertFirm() // keeps the batch from being all that is left
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "k2"})
	three := handle(3)
	restore()

	touch := func() error {
		return p.Ledger.Tx(r.Ctx, func(tx *store.Tx) error { _, err := tx.Database(r.Ctx); return err })
	}
	testenv.Eventually(t, time.Minute, func() error { // connections to the database before have to end first
		if err := touch(); errors.Is(err, store.ErrOtherDatabase) {
			return nil
		} else if err != nil {
			return err
		}
		return errors.New("the worker has not noticed the other database")
	})
	r.Must(touch())

	again := []events.Delivery{three[0], three[2]}
	if events.Complete(again) {
		t.Fatal("the batch is complete, so it proves nothing")
	}
	_, err := projector.Handle(store.WithLearned(r.Ctx, having), barrier, again)
	if !errors.Is(err, store.ErrOtherDatabase) {
		t.Errorf("what goes by the database before: %v", err)
	}
	if p.Consumers.Databases() == having {
		t.Error("the other database is not counted")
	}
	// A fact that was left out is not passed over either.
	_, err = projector.Handle(store.WithLearned(r.Ctx, p.Consumers.Databases()), barrier, again)
	r.Must(err)
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM contacts WHERE removed`); n != 2 {
		t.Errorf("%d of 2 contacts are removed", n)
	}
}
