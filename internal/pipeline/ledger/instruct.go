package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// NotReached counts the recipients that a run has not decided yet. It is called when the run is about to be cancelled.
type NotReached func(ctx context.Context, tx *store.Tx, run store.Run) (int, error)

// instructions says which action each event asks for, and which outcome tells that it was done.
var instructions = []struct {
	asked  events.Type
	action store.Action
	done   events.Type
}{
	{events.RunPauseRequested, store.PauseRun, events.RunPaused},
	{events.RunResumeRequested, store.ResumeRun, events.RunResumed},
	{events.RunCancelRequested, store.CancelRun, events.RunCancelled},
	{events.RunScheduleRequested, store.ScheduleRun, events.RunScheduled},
}

// InstructionFrom is the instruction of an event, as the ledger stores it. ok is false if the event has none.
func InstructionFrom(e events.Event) (in store.Instruction, ok bool) {
	data, startAt, ok := events.InstructionOf(e.Data)
	if !ok {
		return in, false
	}
	in = store.Instruction{
		RequestID: RequestID(e.Firm, e.Source, e.ID), FirmID: e.Firm, By: data.RequestedBy, Because: data.Reason,
	}
	if startAt != nil {
		in.StartAt = *startAt
	}
	in.RunID, _ = uuid.Parse(data.RunID) // it was checked
	for _, i := range instructions {
		if i.asked == e.Type {
			in.Action = i.action
		}
	}
	return in, true
}

// Instruct tells a run what an event asks for (ADR 158). If the run is not known yet, the instruction waits for it. The
// caller has stored the request.
func (t *Tx) Instruct(ctx context.Context, in store.Instruction, request store.Request, notReached NotReached) error {
	if err := t.LockRunID(ctx, in.RunID); err != nil {
		return err
	}
	in.At = t.Now
	runs, err := t.LockRuns(ctx, []uuid.UUID{in.RunID})
	if err != nil {
		return err
	}
	if len(runs) == 0 || runs[0].FirmID != in.FirmID { // a firm is not told of another firm's run
		in.Result, in.Answer = store.InstructionWaits, "no such run is known yet"
		return t.SaveInstruction(ctx, in)
	}
	return t.obey(ctx, runs[0], in, request, notReached)
}

// ObeyWaiting tells a run that has just started what was asked of it before.
func (t *Tx) ObeyWaiting(ctx context.Context, firm string, run uuid.UUID, notReached NotReached) error {
	waiting, err := t.WaitingInstructions(ctx, firm, run)
	if err != nil {
		return err
	}
	for _, in := range waiting {
		requests, err := t.LoadRequests(ctx, []uuid.UUID{in.RequestID})
		if err != nil {
			return err
		}
		locked, err := t.LockRuns(ctx, []uuid.UUID{run})
		if err != nil || len(locked) == 0 {
			return err
		}
		if err := t.obey(ctx, locked[0], in, requests[in.RequestID], notReached); err != nil {
			return err
		}
	}
	return nil
}

// obey does what an instruction says, unless something else was done before. Then the answer says what.
func (t *Tx) obey(
	ctx context.Context, run store.Run, in store.Instruction, request store.Request, notReached NotReached,
) error {
	if why := refusal(run, in, request.At); why != "" {
		in.Result, in.Answer = store.InstructionRefused, why
		return t.SaveInstruction(ctx, in)
	}
	var err error
	switch in.Action {
	case store.PauseRun:
		run.PausedAt, run.PausedBy, run.PausedBecause = t.Now, in.By, in.Because
	case store.ResumeRun:
		t.resume(&run, in.By)
	case store.ScheduleRun:
		run.StartAt = in.StartAt
	case store.CancelRun:
		if !run.Walked {
			if run.NotReached, err = notReached(ctx, t.Tx, run); err != nil {
				return err
			}
		}
		run.PausedAt, run.Walked, run.CancelledPosition = time.Time{}, true, request.At
		run.Holds = false // a replay that names the run sends what it decides
		run.CancelledAt, run.CancelledBy, run.CancelledBecause = t.Now, in.By, in.Because
	}
	run.InstructedPosition = request.At
	in.Result, in.Answer = store.InstructionDone, done(run, in)
	if err := t.SaveInstruction(ctx, in); err != nil {
		return err
	}
	return t.tellInstructed(ctx, run, in, request)
}

// resume ends a pause. A start that was missed meanwhile is not waited for any more.
func (t *Tx) resume(run *store.Run, by string) {
	run.PausedAt, run.ResumedAt, run.ResumedBy = time.Time{}, t.Now, by
	if !run.StartAt.After(t.Now) {
		run.StartAt = time.Time{}
	}
}

// PauseMissed pauses the runs whose start was missed by more than a day (ADR 159).
func (t *Tx) PauseMissed(ctx context.Context) error {
	missed, err := t.LockMissed(ctx)
	if err != nil {
		return err
	}
	for _, run := range missed {
		why := "the start at " + moment(run.StartAt) + " was missed by more than a day"
		if err := t.pauseRun(ctx, run, why); err != nil {
			return err
		}
	}
	return nil
}

// pauseRun pauses a run without an instruction, until somebody has looked.
func (t *Tx) pauseRun(ctx context.Context, run store.Run, why string) error {
	run.PausedAt, run.PausedBy, run.PausedBecause = t.Now, events.OutcomeSource, why
	in := store.Instruction{RunID: run.ID, FirmID: run.FirmID, Action: store.PauseRun, By: run.PausedBy, Because: why}
	return t.tellInstructed(ctx, run, in, store.Request{})
}

// tellInstructed writes a run's new orders and the outcome about them. If nothing of a cancelled run is on its way, the
// run is complete at once.
func (t *Tx) tellInstructed(ctx context.Context, run store.Run, in store.Instruction, request store.Request) error {
	inFlight, err := t.InFlight(ctx, run.FirmID, run.ID)
	if err != nil {
		return err
	}
	run.Quiet = false // somebody knows of it
	run.Published++
	run.Progressed = t.Now
	counts, trace, err := t.countsOf(ctx, run)
	if err != nil {
		return err
	}
	outcome := events.Instructed{
		RunCounts: counts, RequestedBy: in.By, Reason: in.Because, InFlight: inFlight, StartAt: run.StartAt,
	}
	if request.ID != uuid.Nil {
		cause := causeOf(request)
		outcome.Instruction = &cause
	}
	var typ events.Type
	for _, i := range instructions {
		if i.action == in.Action {
			typ = i.done
		}
	}
	if err := t.report(events.InstructedOutcome(typ, outcome, run.Published, t.Now, trace)); err != nil {
		return err
	}
	if !run.CancelledAt.IsZero() && run.Pending == 0 && run.CompletedAt.IsZero() && !run.Reported {
		run.CompletedAt = t.Now
		run.Published++
		if err := t.report(events.RunOutcome(events.RunCompleted, counts, run.Published, t.Now, trace)); err != nil {
			return err
		}
	}
	return t.SaveOrders(ctx, run)
}

// refusal says why a run does not do what an instruction says, or "" if it does it. at is the place of the instruction
// in the stream.
func refusal(run store.Run, in store.Instruction, at store.Position) string {
	switch {
	case !run.CancelledAt.IsZero():
		return "cancelled by " + run.CancelledBy + " at " + moment(run.CancelledAt)
	case !run.CompletedAt.IsZero():
		return "completed at " + moment(run.CompletedAt)
	case in.Action == store.CancelRun:
		return ""
	case at.Before(run.InstructedPosition): // another worker was faster with an instruction from behind this one
		return pauseOf(run) + ", by an instruction behind this one"
	case in.Action == store.PauseRun && !run.PausedAt.IsZero():
		return pauseOf(run)
	case in.Action == store.ResumeRun && run.PausedAt.IsZero():
		return pauseOf(run)
	case in.Action == store.ScheduleRun && (run.Walked || run.Selected > 0 || run.Cursor != store.Cursor{}):
		return "its walk has begun"
	}
	return ""
}

// pauseOf says whether a run is paused, and who has paused or resumed it.
func pauseOf(run store.Run) string {
	switch {
	case !run.PausedAt.IsZero():
		return "paused by " + run.PausedBy + " at " + moment(run.PausedAt)
	case !run.ResumedAt.IsZero():
		return "resumed by " + run.ResumedBy + " at " + moment(run.ResumedAt)
	default:
		return "not paused"
	}
}

// done says what a run has done.
func done(run store.Run, in store.Instruction) string {
	switch in.Action {
	case store.PauseRun:
		return "paused"
	case store.ResumeRun:
		return "resumed"
	case store.CancelRun:
		return fmt.Sprintf("cancelled; %d were not reached", run.NotReached)
	case store.ScheduleRun:
		if run.StartAt.IsZero() {
			return "scheduled: it starts at once"
		}
		return "scheduled for " + moment(run.StartAt)
	}
	return ""
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
