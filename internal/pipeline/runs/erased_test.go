package runs_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// A page has been read ahead when the firm erases its first person, who is on it. Nothing of them is written.
func TestAPageThatWasReadBeforeAnErasureIsReadAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(2, map[int]string{0: "first@example.com", 1: "second@example.com"})
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	w := r.ByHand(store.BulkLane, r.Config())
	r.Dies(w, func() {
		r.StartRuns(w, 1)
		leased, err := r.Store.LeaseRun(r.Ctx, w.ID)
		r.Must(err)
		page, err := r.Runs(w).ReadAhead(r.Ctx, leased)
		r.Must(err)
		r.Publish(events.PersonErased, testkit.Object{
			"contact_id": "k00000", "requested_by": "Kim Staff", "reason": "They asked for it.",
		})
		r.Handled(events.FactsDurable)
		_, err = r.Runs(w).DecidePage(r.Ctx, page)
		r.Must(err)
	})
	const written = `SELECT count(*) FROM invites WHERE person = 'contact:' || $1 OR contact_id = $1`
	if n := testkit.Query[int](r.Scene, written, "k00000"); n != 0 {
		t.Errorf("%d invites have the erased person", n)
	}
	if n := testkit.Query[int](r.Scene, written, "k00001"); n != 1 {
		t.Errorf("%d invites have the other one, want 1", n)
	}
}
