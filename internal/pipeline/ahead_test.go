package pipeline_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Two requests wait for a fact. When the worker stops, it returns both.
func TestAStopReturnsRequestsThatWaitForFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.BlockFacts()
	r.UpsertContact("k1", "Kay", "kay@example.com")
	stop := r.StartInvites()
	r.Invite("c1", testkit.Contact("k1"))
	r.WithWorkers(events.InviteDurable, 1)
	r.Invite("c2", testkit.Contact("k2"))
	r.WithWorkers(events.InviteDurable, 2)
	stop()
	events.Return(r.Taken(events.InviteDurable, 2))

	release()
	r.StartInvites()
	r.Decided(2)
}
