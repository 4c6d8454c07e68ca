package runs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/runs"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// tell gives a worker by hand the next instruction.
func (r *rig) tell(w pipeline.Parts, typ events.Type, run, by string) {
	r.TB.Helper()
	id := r.Publish(typ, testkit.ToRun(run, by))
	r.StartRuns(w, 1)
	if got := r.Answered(id); !strings.HasPrefix(got, "done: ") {
		r.TB.Fatalf("%s: %q", typ, got)
	}
}

// A run is cancelled, and another is paused, between two pages. The next page has been read already, and is not
// written. Whoever was not reached is counted, and a replay that names the run walks on there.
func TestARunStopsBetweenTwoPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typ  events.Type
		ends func(r *rig, run string) (request string)
	}{
		"cancelled": {events.RunCancelRequested, func(r *rig, run string) string {
			r.Settled()
			if o := r.Published(events.RunCompleted); len(o) != 1 || !o[0].Cancelled || o[0].Selected != runs.PageSize ||
				o[0].NotReached != runs.PageSize+3 || o[0].ByReason["run_cancelled"] != 1 {
				r.TB.Fatalf("completed: %+v", o)
			}
			r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{"run_id": run, "outcomes": []string{"failed"}}))
			r.Settled()
			return r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{"run_id": run}))
		}},
		"paused": {events.RunPauseRequested, func(r *rig, run string) string {
			if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`); n != runs.PageSize {
				r.TB.Errorf("%d are decided, want one page", n)
			}
			return r.Publish(events.RunResumeRequested, testkit.ToRun(run, "Bob"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const all = 2*runs.PageSize + 3
			r.register(all, map[int]string{
				0: "first@example.com", runs.PageSize: "second@example.com", all - 1: "last@example.com",
			})
			id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
			w := r.ByHand(store.BulkLane, r.Config())
			var run store.Run
			r.Dies(w, func() {
				r.StartRuns(w, 1)
				leased, err := r.Store.LeaseRun(r.Ctx, w.ID)
				r.Must(err)
				page, err := r.Runs(w).ReadAhead(r.Ctx, leased)
				r.Must(err)
				run, err = r.Runs(w).DecidePage(r.Ctx, page)
				r.Must(err)
				page, err = r.Runs(w).ReadAhead(r.Ctx, run)
				r.Must(err)
				r.tell(w, c.typ, run.ID.String(), "Ann")
				if _, err := r.Runs(w).DecidePage(r.Ctx, page); !errors.Is(err, store.ErrLeaseLost) {
					t.Errorf("the next page: %v", err)
				}
			})
			stop := r.StartBulk()
			request := c.ends(r, run.ID.String())
			r.Settled()
			stop()
			if name == "paused" {
				request = id
			}
			if o := r.Completed(request); o.Sent != 3 || o.NotReached != 0 {
				t.Errorf("completed: %s", o.Raw)
			}
			if n := testkit.Query[int](r.Scene, `SELECT selected + not_reached FROM runs WHERE run_id = $1`, run.ID); n != all {
				t.Errorf("the run has selected %d, want %d", n, all)
			}
			r.Audit()
		})
	}
}

// An instruction may be handled before its run is known, because another worker has the request. Then it waits, and the
// run obeys as it starts. Another firm's instruction never counts.
func TestAnInstructionWaitsForItsRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(1, map[int]string{0: "first@example.com"})
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	w := r.ByHand(store.BulkLane, r.Config())
	r.Dies(w, func() {
		batch := r.Taken(events.BulkDurable, 1)
		run := ledger.RunID(ledger.RequestID(r.Firm, "test", id)).String()
		r.Firm = "other"
		other := r.Publish(events.RunCancelRequested, testkit.ToRun(run, "Eve"))
		r.Firm = "acme"
		early := r.Publish(events.RunPauseRequested, testkit.ToRun(run, "Ann"))
		r.StartRuns(w, 2)
		for _, asked := range []string{other, early} {
			if got := r.Answered(asked); got != "waits: no such run is known yet" {
				t.Errorf("before the run is known: %q", got)
			}
		}
		later, err := r.Runs(w).Handle(r.Ctx, r.Barrier(), batch)
		if err != nil || len(later) > 0 {
			t.Fatal(later, err)
		}
		events.Ack(batch)
		if got := r.Answered(early); got != "done: paused" {
			t.Errorf("when the run has started: %q", got)
		}
		if got := r.Answered(other); !strings.HasPrefix(got, "waits: ") {
			t.Errorf("another firm's: %q", got)
		}
		if _, err := r.Store.LeaseRun(r.Ctx, w.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a paused run is walked: %v", err)
		}
		r.tell(w, events.RunResumeRequested, run, "Ann")
	})
	r.StartBulk()
	r.Settled()
	if o := r.Completed(id); o.Sent != 1 || o.Cancelled {
		t.Errorf("completed: %s", o.Raw)
	}
}

// A run waits for its start, which can be changed and cleared. If the start was missed by more than a day, the run is
// paused and says so.
func TestARunStartsAtItsTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(1, map[int]string{0: "first@example.com"})
	stop := r.StartBulk()
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	id := r.Publish(events.BulkInviteRequested, testkit.With(testkit.BulkAll(), "start_at", at))
	run := r.RunOf(id)
	later := at.Add(time.Hour)
	moved := r.Publish(events.RunScheduleRequested, testkit.With(testkit.ToRun(run, "Ann"), "start_at", later))
	if got, want := r.Answered(moved), "done: scheduled for "+later.Format("2006-01-02 15:04:05 UTC"); got != want {
		t.Errorf("answered %q, want %q", got, want)
	}
	r.UpsertContact("late", "Lee", "late@example.com") // the selection is walked at the start
	r.UpsertClient("c-late", "*late")
	r.Handled(events.FactsDurable)
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`); n != 0 {
		t.Errorf("%d are decided before the start", n)
	}
	stop()
	r.Exec(`UPDATE runs SET start_at = now() - interval '25 hours'`) // no worker ran for two days
	stop = r.StartBulk()
	testenv.Eventually(t, time.Minute, func() error {
		if n := len(r.Published(events.RunPaused)); n != 1 {
			return fmt.Errorf("%d RunPaused", n)
		}
		return nil
	})
	if o := r.Published(events.RunPaused)[0]; o.RequestedBy != events.OutcomeSource || o.Selected != 0 {
		t.Errorf("paused: %s", o.Raw)
	}
	if got := r.Tell(events.RunResumeRequested, run, "Ann"); got != "done: resumed" {
		t.Errorf("answered %q", got)
	}
	r.Settled()
	if o := r.Completed(id); o.Sent != 2 {
		t.Errorf("completed: %s", o.Raw)
	}
	stop()
	id = r.Publish(events.BulkInviteRequested,
		testkit.With(testkit.With(testkit.BulkAll(), "start_at", at), "mode", "resend"))
	r.StartBulk()
	if got := r.Tell(events.RunScheduleRequested, r.RunOf(id), "Ann"); got != "done: scheduled: it starts at once" {
		t.Errorf("answered %q", got)
	}
	r.Settled()
	if o := r.Completed(id); o.Selected != 2 {
		t.Errorf("completed: %s", o.Raw)
	}
	r.Audit()
}
