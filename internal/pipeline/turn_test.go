package pipeline_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// A worker takes a fact and dies. The only other worker holds the fact behind it, and can't apply that first. It must
// fetch again, because the broker redelivers only to workers that fetch.
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
