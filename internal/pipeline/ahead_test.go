package pipeline_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// One request waits for a fact, and the next one has been fetched ahead. When the worker stops, it returns both.
func TestAStopReturnsMessagesThatWereFetchedAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.UpsertFirm()
	fact := r.Taken(events.FactsDurable, 1)
	stop := r.StartInvites()
	r.Invite("c1", testkit.Contact("k1"))
	r.WithWorkers(events.InviteDurable, 1)
	r.Invite("c2", testkit.Contact("k2"))
	r.WithWorkers(events.InviteDurable, 2)
	stop()
	events.Return(r.Taken(events.InviteDurable, 2))

	events.Return(fact)
	r.StartInvites()
	r.Decided(2)
}
