package pipeline_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// A worker takes a grant and dies; the only other one holds what stands behind it, and can't apply that before. The broker gives the
// grant to whoever asks for more.
func TestAFactOfADeadWorkerIsAppliedByAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "first"})
	held := r.Taken(events.FactsDurable, 1)
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "second"})
	r.StartInvites()
	r.WithWorkers(events.FactsDurable, 2)
	events.Return(held) // as the broker does by itself a minute after a worker has died
	r.Settled()
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM removals`); n != 2 {
		t.Errorf("%d of 2 removals are applied", n)
	}
}
