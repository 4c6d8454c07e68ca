package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// newestFirst is the position of an entry in a list that is ordered by time.
type newestFirst struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// mostInstructions is how many instructions to a run are answered.
const mostInstructions = 20

func (s *server) runs(ctx context.Context, firm string, r RunsRequest) (RunsAnswer, error) {
	none := RunsAnswer{}
	filter, err := r.filter(firm)
	if err != nil {
		return none, err
	}
	page, err := newPager(r.Page, RunsEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var last newestFirst
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	filter.Before, filter.BeforeID = last.At, last.ID
	answer := RunsAnswer{AsOf: s.asOf(ctx)} // before the database's snapshot
	var list []store.RunReport
	var instructions []store.ReportedInstruction
	inFlight := 0
	var notPlanned []store.Status
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		if list, err = tx.Runs(ctx, filter, page.limit+1); err != nil || !filter.RunID.Valid {
			return err
		}
		if instructions, err = tx.InstructionsOf(ctx, firm, filter.RunID.UUID, mostInstructions); err != nil {
			return err
		}
		if inFlight, err = tx.InFlight(ctx, firm, filter.RunID.UUID); err != nil {
			return err
		}
		notPlanned, err = tx.NotPlannedOf(ctx, firm, filter.RunID.UUID)
		return err
	})
	if err != nil {
		return none, err
	}
	if filter.RunID.Valid && len(list) == 0 {
		return none, notFound("run_id: this firm has no such run; leave it out to list those it has")
	}
	answer.Runs = make([]Run, len(list))
	for i, report := range list {
		answer.Runs[i] = runOf(report, s.Answers.Ledger.Now())
	}
	if filter.RunID.Valid {
		answer.Runs[0].InFlight = inFlight
	}
	for _, in := range instructions {
		answer.Runs[0].Instructions = append(answer.Runs[0].Instructions, RunInstruction{
			Action: string(in.Action), Source: in.Source, ID: in.EventID, By: in.By, Reason: in.Because, At: utc(in.At),
			Result: string(in.Result), Answer: in.Answer,
		})
	}
	slices.SortFunc(notPlanned, func(a, b store.Status) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
	})
	for _, s := range notPlanned {
		answer.Runs[0].NotPlannedRecipients = append(answer.Runs[0].NotPlannedRecipients, NotPlanned{
			InviteID: s.Invite.ID, ClientID: s.ClientID, ClientName: s.ClientName, Recipient: personOfInvite(*s.Invite),
		})
	}
	n, next, err := cut(answer.Runs, page, func(r Run) any { return newestFirst{r.CreatedAt, r.RunID} })
	answer.Runs, answer.Next = answer.Runs[:n], next
	return answer, err
}

func (r RunsRequest) filter(firm string) (store.RunFilter, error) {
	f := store.RunFilter{FirmID: firm, Kind: store.RunKind(r.Kind), Since: r.Since}
	switch f.Kind {
	case "", store.InviteRun, store.ResendRun, store.ReplayRun:
	default:
		return f, invalid("kind: must be one of: invite, resend, replay")
	}
	if r.RunID != "" {
		id, err := uuid.Parse(r.RunID)
		if err != nil {
			return f, invalid("run_id: must be a UUID, as outcomes carry it")
		}
		f.RunID = uuid.NullUUID{UUID: id, Valid: true}
	}
	yes, no := true, false
	switch r.State {
	case "":
	case Scheduled:
		f.Scheduled = &yes
	case Walking:
		f.Walked, f.Scheduled = &no, &no
	case Sending:
		f.Walked, f.Completed = &yes, &no
	case Completed:
		f.Completed = &yes
	default:
		return f, invalid("state: must be one of: %s, %s, %s, %s", Scheduled, Walking, Sending, Completed)
	}
	return f, nil
}

func runOf(r store.RunReport, now time.Time) Run {
	run := Run{
		RunID: r.ID, Kind: string(r.Kind), State: Walking,
		Cause: events.Cause{Source: r.Source, ID: r.EventID, Type: events.Type(r.Cause)}, RequestedBy: r.RequestedBy,
		Selected: r.Selected, Sent: r.Sent, Skipped: r.Skipped, Failed: r.Failed, Pending: r.Pending, ByReason: r.ByReason,
		Fixable: make(map[rules.Code]int), Number: r.Published, CreatedAt: r.CreatedAt.UTC(),
	}
	for code, n := range r.ByReason {
		run.Fixable[code] = n - r.Settled[code]
	}
	if r.Replays.Valid {
		run.Replays = &r.Replays.UUID
	}
	switch {
	case !r.CompletedAt.IsZero():
		run.State, run.Progress, run.CompletedAt = Completed, 1, r.CompletedAt.UTC()
	case r.Walked:
		run.State = Sending
	case r.StartAt.After(now):
		run.State = Scheduled
	}
	run.StartAt, run.NotReached = utc(r.StartAt), r.NotReached
	run.MaxRecipients, run.Holds, run.NotPlanned = r.MaxRecipients, r.Holds, r.NotPlanned
	if r.PlanID.Valid {
		run.Plan = &r.PlanID.UUID
	}
	run.Paused = stopOf(r.PausedAt, r.PausedBy, r.PausedBecause)
	run.Cancelled = stopOf(r.CancelledAt, r.CancelledBy, r.CancelledBecause)
	if run.State != Completed && r.Selected > 0 {
		run.Progress = float64(r.Selected-r.Pending) / float64(r.Selected)
	}
	return run
}

func stopOf(at time.Time, by, reason string) *RunStop {
	if at.IsZero() {
		return nil
	}
	return &RunStop{At: utc(at), By: by, Reason: reason}
}
