package recovery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func (r *rig) eventually(holds func() bool) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		if !holds() {
			return errors.New("it does not hold yet")
		}
		return nil
	})
}

// passes deletes the events before a sequence from the stream, as the broker does when they are older than EVENTS_KEEP.
func (r *rig) passes(before uint64) {
	r.TB.Helper()
	stream, err := r.JS.Stream(r.Ctx, events.EventsStream)
	r.Must(err)
	r.Must(stream.Purge(r.Ctx, jetstream.WithPurgeSequence(before)))
}

func (r *rig) openGaps() (list []store.EventGap) {
	r.TB.Helper()
	r.Must(r.Store.Read(r.Ctx, func(tx *store.Tx) (err error) {
		list, err = tx.OpenGaps(r.Ctx)
		return err
	}))
	return list
}

// No worker runs while events come and pass. The next worker says so once, and so does nobody after it.
func TestEventsThatPassUnhandledAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const text = "has deleted events before this durable handled them"
	placed := `SELECT count(*) FROM durable_floors WHERE place >= $1`
	stop := r.StartInvites()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.Settled()
	stop()
	stop = r.StartInvites() // it notes the places when it starts
	r.eventually(func() bool { return testkit.Query[int](r.Scene, placed, 2) == 3 })
	stop()
	r.passes(2) // an event that was handled
	for range 4 {
		r.UpsertContact("dana", "Dana Wu", "dana@example.com") // 3 to 6
	}
	r.passes(5)
	began := time.Now()
	stop = r.StartInvites()
	r.logged(3, text)
	gaps := r.openGaps()
	if len(gaps) != 3 {
		t.Fatalf("%d gaps, want one for each durable: %+v", len(gaps), gaps)
	}
	for _, g := range gaps {
		if g.First != 3 || g.Last != 4 || g.Events() != 2 || g.HandledAt.After(began.Add(time.Minute)) ||
			g.KeptFrom.IsZero() {
			t.Errorf("the gap is %+v, want sequences 3 and 4", g)
		}
	}
	r.Settled()
	stop()
	stop = r.StartInvites()
	r.eventually(func() bool { return testkit.Query[int](r.Scene, placed, 6) == 3 })
	stop()
	r.logged(3, text)
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
		n, err := tx.AcknowledgeGaps(r.Ctx, "sam", time.Now())
		if n != 3 {
			t.Errorf("acknowledged %d gaps, want 3", n)
		}
		return err
	}))
	if gaps := r.openGaps(); len(gaps) != 0 {
		t.Errorf("after they were acknowledged: %+v", gaps)
	}
}
