package ledger

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// Progress is how far a page takes a run.
type Progress struct {
	Run    store.Run
	To     store.Cursor
	Walked bool // no candidates are left behind To
	// WalksOn is the cancelled run whose selection a replay walks on, from where the run was cancelled.
	WalksOn uuid.NullUUID
}

// After is the run after the page.
func (p Progress) After() store.Run {
	p.Run.Cursor, p.Run.Walked = p.To, p.Walked
	return p.Run
}

// AdvanceRun enters the new checkpoint of the run that the transaction walks.
func (t *Tx) AdvanceRun(p Progress) { t.progress = &p }

// runChange is what a transaction changes about a run's sums.
type runChange struct {
	store.Counts
	changed bool // an outcome is new or has changed
	reached bool // of a cancelled run: a replay has reached the end of its selection
	// Of a run with a plan: the invites of recipients who are not in it.
	notPlanned []uuid.UUID
}

func (t *Tx) run(id uuid.UUID) *runChange {
	if t.runs[id] == nil {
		t.runs[id] = &runChange{}
	}
	return t.runs[id]
}

// count moves an invite from one state to another in the sums of its run, and of the replay that decided it.
func (t *Tx) count(before, next store.Invite) {
	changed := before.State != next.State || before.Revision != next.Revision
	if next.RunID.Valid && changed {
		run := t.run(next.RunID.UUID)
		run.changed = true
		if before.State == "" {
			run.Selected++
		} else {
			run.Add(before, -1)
		}
		run.Add(next, +1)
	}
	if next.ReplayID.Valid {
		replay := t.run(next.ReplayID.UUID)
		replay.changed = replay.changed || changed
		if before.ReplayID == next.ReplayID {
			replay.Add(before, -1) // it was counted when the replay decided it
		} else {
			replay.Selected++
		}
		replay.Add(next, +1)
	}
}

func (t *Tx) advanceRun(ctx context.Context) error {
	if t.progress == nil {
		return nil
	}
	t.run(t.progress.Run.ID) // so that a run that selects nobody completes as well
	if t.progress.WalksOn.Valid && t.progress.Walked {
		t.run(t.progress.WalksOn.UUID).reached = true
	}
	return t.Advance(ctx, t.progress.Run, t.ledger.Worker, t.progress.To, t.progress.Walked)
}

func (t *Tx) saveRuns(ctx context.Context) error {
	if len(t.runs) == 0 {
		return nil
	}
	runs, err := t.LockRuns(ctx, slices.Collect(maps.Keys(t.runs)))
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := t.saveRun(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

// saveRun adds to a run's sums, and reports them: at most every ProgressEvery, and once when the run is complete. A
// quiet run reports nothing until it changes an outcome (ADR 14). If the sums of a complete run change, it is marked
// until that is reported: see [Tx.ReviseRuns].
func (t *Tx) saveRun(ctx context.Context, run store.Run) error {
	change := t.runs[run.ID]
	run.Selected += change.Selected
	run.Sent += change.Sent
	run.Skipped += change.Skipped
	run.Failed += change.Failed
	run.Pending += change.Pending
	if run.NotReached = max(0, run.NotReached-change.Selected); change.reached {
		run.NotReached = 0
	}
	run.Quiet = run.Quiet && !change.changed
	run.NotPlanned += len(change.notPlanned)
	stop := endHold(&run)

	report := t.reportOn(&run, change)
	if stop != "" {
		report = "" // the pause is reported
	}
	if report != "" {
		run.Progressed = t.Now
		run.Published++
	}
	if err := t.compareWithReported(ctx, &run); err != nil {
		return err
	}
	if err := t.SaveCounts(ctx, run, change.Counts); err != nil {
		return err
	}
	if err := t.AddNotPlanned(ctx, run, change.notPlanned); err != nil {
		return err
	}
	if stop != "" {
		return t.pauseRun(ctx, run, stop)
	}
	if report == "" {
		return nil
	}
	return t.reportRun(ctx, report, run)
}

// reportOn says which event a change of a run's sums makes, or "" if none. It notes in the run what has happened to it.
func (t *Tx) reportOn(run *store.Run, change *runChange) (report events.Type) {
	switch {
	case run.Reported: // its completion is on the stream already
	case !run.CompletedAt.IsZero() && change.IsZero(): // what was reported is still right
	case !run.CompletedAt.IsZero() && t.Now.Sub(run.Progressed) < t.ledger.ProgressEvery:
		run.ToRevise = true
	case !run.CompletedAt.IsZero():
		run.ToRevise, report = false, events.RunRevised
	case run.Walked && run.Pending == 0:
		run.CompletedAt, report = t.Now, events.RunCompleted
	case t.Now.Sub(run.Progressed) >= t.ledger.ProgressEvery:
		report = events.RunProgressed
	}
	if run.Quiet {
		report = ""
	}
	return report
}

// compareWithReported completes a run whose completion was recovered from the stream (ADR 107). It marks the run if its
// sums are not those that were reported last.
func (t *Tx) compareWithReported(ctx context.Context, run *store.Run) error {
	if !run.Reported || run.CompletedAt.IsZero() && (!run.Walked || run.Pending > 0) {
		return nil
	}
	reported, err := t.ReportedCounts(ctx, run.ID)
	if err != nil {
		return err
	}
	if run.CompletedAt.IsZero() {
		run.CompletedAt = t.Now
	}
	run.Progressed = t.Now
	run.ToRevise = run.Kind != store.ReplayRun && !reported.SameSums(run.Counts)
	return nil
}

// reviseBatch is how many runs are revised together.
const reviseBatch = 100

// ReviseRuns reports the sums of completed runs that have changed since they were reported, of each run at most every
// ProgressEvery (ADR 110).
func (t *Tx) ReviseRuns(ctx context.Context) error {
	runs, err := t.LockRunsToRevise(ctx, t.Now.Add(-t.ledger.ProgressEvery), reviseBatch)
	if err != nil {
		return err
	}
	for _, run := range runs {
		run.Progressed = t.Now
		run.Published++
		if err := t.SaveRevised(ctx, run); err != nil {
			return err
		}
		if err := t.reportRun(ctx, events.RunRevised, run); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) reportRun(ctx context.Context, typ events.Type, run store.Run) error {
	counts, trace, err := t.countsOf(ctx, run)
	if err != nil {
		return err
	}
	return t.report(events.RunOutcome(typ, counts, run.Published, t.Now, trace))
}

// countsOf makes what every event about a run says, and the trace of the run's request.
func (t *Tx) countsOf(ctx context.Context, run store.Run) (counts events.RunCounts, trace events.Trace, err error) {
	byReason, err := t.RunReasons(ctx, run.ID)
	if err != nil {
		return counts, trace, err
	}
	requests, err := t.LoadRequests(ctx, []uuid.UUID{run.RequestID})
	if err != nil {
		return counts, trace, err
	}
	request := requests[run.RequestID]
	counts = events.RunCounts{
		FirmID: run.FirmID, RunID: run.ID, Kind: string(run.Kind), Cause: causeOf(request),
		Selected: run.Selected, Sent: run.Sent, Skipped: run.Skipped, Failed: run.Failed, Pending: run.Pending,
		TooOld: run.TooOld, ByReason: byReason, Cancelled: !run.CancelledAt.IsZero(), NotReached: run.NotReached,
	}
	return counts, traceOf(request), nil
}
