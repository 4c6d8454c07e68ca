package pipeline_test

import (
	"context"
	"testing"

	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// raisesLate is a timeline that lets something happen before it raises the mark for the first time.
type raisesLate struct {
	*consume.Timeline
	first func()
}

func (r *raisesLate) Raise(ctx context.Context, known events.Epochs, to events.Mark) (bool, error) {
	if first := r.first; first != nil {
		r.first = nil
		first()
	}
	return r.Timeline.Raise(ctx, known, to)
}

// One worker has fetched a fact, and is about to raise the mark. The stream loses that fact, and gets another one with
// its sequence. A second worker is given the new fact, and raises the mark before the first one does. Whoever applies
// first, the new fact must count in the end. docs/model/epochs.pml found this.
func TestTheStreamWentBackBeforeTheMarkWasRaised(t *testing.T) {
	t.Parallel()
	b := newOldBroker(t)
	b.UpsertFirm()
	stop := b.StartInvites()
	b.Settled()
	stop()
	b.restart(b.copyFolder)

	first, second := b.factsBy(), b.factsBy()
	var newer []events.Delivery
	first.timeline.first = func() {
		b.restart(b.putBack)
		b.UpsertContact("stays", "Stays", "new@example.com")
		newer = second.fetch()
	}
	b.UpsertContact("stays", "Stays", "lost@example.com")
	lost := first.fetch()
	b.apply(lost, "lost@example.com")
	b.apply(newer, "new@example.com")
	events.Ack(lost)
	events.Ack(newer)

	b.StartInvites()
	b.Settled()
	if email := testkit.Query[string](b.Scene, `SELECT email FROM contacts WHERE contact_id = 'stays'`); email !=
		"new@example.com" {
		t.Errorf("the contact has the email %s", email)
	}
}

// factsSource fetches facts as a worker does.
type factsSource struct {
	b        *oldBroker
	timeline *raisesLate
	source   *events.Source
}

func (b *oldBroker) factsBy() *factsSource {
	b.TB.Helper()
	timeline := &consume.Timeline{
		Runner: loop.Runner{Log: zerolog.New(b.Log)}, Observer: pipeline.Unwatched{}, JS: b.JS, Store: b.Store,
	}
	_, err := timeline.Epochs(b.Ctx)
	b.Must(err)
	f := &factsSource{b: b, timeline: &raisesLate{Timeline: timeline}}
	f.source, err = events.OpenSource(b.Ctx, b.JS, events.FactsDurable)
	b.Must(err)
	f.source.PlaceBy(f.timeline)
	return f
}

// fetch returns the next fact.
func (f *factsSource) fetch() []events.Delivery {
	f.b.TB.Helper()
	batch, err := f.source.Fetch(f.b.Ctx, 1)
	f.b.Must(err)
	if len(batch) != 1 {
		f.b.TB.Fatalf("%d facts, want 1", len(batch))
	}
	return batch
}

// apply applies a fact about the contact that stays, at its position.
func (b *oldBroker) apply(batch []events.Delivery, email string) {
	b.TB.Helper()
	var facts store.Facts
	facts.Contact(batch[0].Firm, rules.Contact{
		ID: "stays", Name: "Stays", Email: rules.Email{Written: email, Normal: email},
	}, store.Position(batch[0].At))
	b.Must(b.Store.Tx(b.Ctx, func(tx *store.Tx) error {
		_, err := tx.ApplyFacts(b.Ctx, &facts)
		return err
	}))
}
