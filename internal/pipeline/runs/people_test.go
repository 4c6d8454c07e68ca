package runs_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/runs"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// A page ends between two contacts of a client where nobody had a portal. The first of them is queued before the second
// is read, and the second is selected all the same. Where somebody had a portal before, nobody is.
func TestARunDoesNotTakePeopleOutOfItsOwnSelection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(runs.PageSize, nil)
	r.UpsertContact("a", "Ann", "ann@example.com")
	r.UpsertContact("b", "Bob", "bob@example.com")
	r.UpsertContact("c", "Cem", "cem@example.com")
	last := "c00499z" // its first contact is the last one of the first page
	r.UpsertClient(last, "*a", "*b")
	r.UpsertClient("c00000", "*k00000", "*c")
	r.Invite("c00000", testkit.Contact("c"))
	r.Settled()
	filter := testkit.Object{"no_portal": true}
	id := r.Publish(events.BulkInviteRequested, testkit.Bulk(testkit.Object{"statuses": filter}))
	w := r.ByHand(store.BulkLane, r.Config())
	r.Dies(w, func() {
		r.StartRuns(w, 1)
		run, err := r.Store.LeaseRun(r.Ctx, w.ID)
		r.Must(err)
		for !run.Walked {
			page, err := r.Runs(w).ReadAhead(r.Ctx, run)
			r.Must(err)
			run, err = r.Runs(w).DecidePage(r.Ctx, page)
			r.Must(err)
			if client := run.Cursor.ClientID; !run.Walked && (client != last || run.Cursor.ContactID != "a") {
				t.Fatalf("the first page ends with %+v", run.Cursor)
			}
		}
	})
	r.StartBulk()
	r.Settled()
	if o := r.Completed(id); o.Sent != 2 || o.Selected != runs.PageSize+1 {
		t.Errorf("completed: %s", o.Raw)
	}
	r.Audit()
}
