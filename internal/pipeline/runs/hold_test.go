package runs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/runs"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// A run with max_recipients, or with a plan, sends nothing before its walk has ended. Its recipients are due all the
// time, and no claim takes them. A run without a guard does not wait.
func TestAGuardedRunHoldsItsMailsUntilItsWalkHasEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		most  int
		after bool // its mails may leave when the walk has ended
	}{
		"as many as it may mail": {most: 2, after: true},
		"more than it may mail":  {most: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.register(runs.PageSize+1, map[int]string{0: "first@example.com", runs.PageSize: "last@example.com"})
			id := r.Publish(events.BulkInviteRequested, testkit.With(testkit.BulkAll(), "max_recipients", c.most))
			w := r.ByHand(store.BulkLane, r.Config())
			due := func(when string, want bool) {
				t.Helper()
				got, err := r.Store.AnyDue(r.Ctx, store.Queue{Lane: store.BulkLane}, time.Now().Add(time.Hour))
				if r.Must(err); got != want {
					t.Errorf("%s: due is %t", when, got)
				}
			}
			r.Dies(w, func() {
				r.StartRuns(w, 1)
				run, err := r.Store.LeaseRun(r.Ctx, w.ID)
				r.Must(err)
				for !run.Walked {
					due("before a page", false)
					page, err := r.Runs(w).ReadAhead(r.Ctx, run)
					r.Must(err)
					run, err = r.Runs(w).DecidePage(r.Ctx, page)
					r.Must(err)
				}
				due("behind the last page", c.after)
			})
			r.StartBulk()
			if !c.after {
				if got := r.Tell(events.RunResumeRequested, r.RunOf(id), "Ann"); got != "done: resumed" {
					t.Errorf("answered %q", got)
				}
			}
			r.Settled()
			if o := r.Completed(id); o.Sent != 2 || o.Selected != runs.PageSize+1 {
				t.Errorf("completed: %s", o.Raw)
			}
			r.Audit()
		})
	}
}

// storePlan stores a plan of all clients for one request, with the recipients that are given.
func (r *rig) storePlan(recipients ...[]byte) string {
	r.TB.Helper()
	selection, err := ledger.SelectionHash(events.BulkRequest{
		Mode: string(rules.Invite), Selection: events.Selection{AllClients: true},
	})
	r.Must(err)
	now := time.Now()
	plan := store.Plan{
		ID: uuid.New(), FirmID: r.Firm, Selection: selection, Recipients: store.NewPlanned(recipients), CreatedAt: now,
		ExpiresAt: now.Add(time.Hour),
	}
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error { return tx.InsertPlan(r.Ctx, plan) }))
	return plan.ID.String()
}

// An expired plan stays as long as a run has yet to be compared with it, so a run that begins later finds it.
func TestAPlanStaysWhileARunNeedsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(1, map[int]string{0: "first@example.com"})
	unused := r.storePlan()
	used := r.storePlan(r.Config().Keys.Planned("acme", "c00000", "contact:k00000", "first@example.com")[0])
	r.StartBulk()
	id := r.Publish(events.BulkInviteRequested, testkit.With(testkit.With(testkit.BulkAll(), "plan", used),
		"start_at", time.Now().Add(time.Hour)))
	run := r.RunOf(id)
	kept := func(plan string) int {
		r.Must(r.Store.ForgetPlans(r.Ctx, time.Now().Add(48*time.Hour)))
		return testkit.Query[int](r.Scene, `SELECT count(*) FROM plans WHERE plan_id = $1`, plan)
	}
	if a, b := kept(unused), kept(used); a != 0 || b != 1 {
		t.Errorf("%d that no run needs, and %d that one needs", a, b)
	}
	r.Tell(events.RunScheduleRequested, run, "Ann") // at once
	r.Settled()
	if o := r.Completed(id); o.Sent != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
	if n := kept(used); n != 0 {
		t.Error("a plan that no run needs any more is kept")
	}
	r.Audit()
}

// A database was restored to a moment before the plan was made, and outcomes tell that the run has begun. The event is
// no error then. The run holds its mails, and pauses before it mails anybody else.
func TestARecoveredRunPausesWithoutItsPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(1, map[int]string{0: "first@example.com"})
	id := uuid.NewString()
	run := ledger.RunID(ledger.RequestID(r.Firm, "test", id))
	r.Exec(`INSERT INTO recovered_outcomes (event_id, sequence, type, about, firm_id, client_id, contact_id, number, data)
		VALUES ($1, 1, 'RunProgressed', $2, 'acme', '', '', 1, '{}')`, uuid.NewString(), run)
	r.StartBulk()
	r.PublishAs(id, events.BulkInviteRequested, testkit.With(testkit.BulkAll(), "plan", uuid.NewString()))
	testenv.Eventually(t, time.Minute, func() error {
		if testkit.Query[int](r.Scene, `SELECT count(*) FROM runs WHERE run_id = $1 AND paused_at IS NOT NULL
			AND not_planned = 1`, run) != 1 {
			return errors.New("the run is not paused")
		}
		return nil
	})
	if n := len(r.Mailbox.Messages()); n != 0 {
		t.Errorf("%d mails have left", n)
	}
	if got := r.Tell(events.RunResumeRequested, run.String(), "Ann"); got != "done: resumed" {
		t.Errorf("answered %q", got)
	}
	r.Settled()
	if o := r.Completed(id); o.Sent != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
}
