package pipeline

import (
	"testing"

	"portal-invites/internal/events"
)

// A worker takes a grant and dies; the only other one holds what stands behind it, and can't apply that before. The broker gives the
// grant to whoever asks for more.
func TestAFactThatADeadWorkerHeldIsAppliedByAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(events.ContactRemoved, object{"contact_id": "first"})
	held := r.taken(events.FactsDurable, 1)
	r.publish(events.ContactRemoved, object{"contact_id": "second"})
	r.start(NewInviteWorker(r.config()))
	r.withWorkers(events.FactsDurable, 2)
	events.Return(held) // as the broker does by itself a minute after a worker has died
	r.settled()
	if n := query[int](r, `SELECT count(*) FROM removals`); n != 2 {
		t.Errorf("%d of 2 removals are applied", n)
	}
}
