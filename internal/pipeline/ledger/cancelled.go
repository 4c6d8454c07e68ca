package ledger

import (
	"context"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// CancelledOf is the cancel for which an invite was skipped; the zero value if there was none.
func CancelledOf(i store.Invite) rules.Cancelled {
	if i.State != store.Skipped || i.Reason != rules.RunCancelled || len(i.Reasons) == 0 || i.Reasons[0].Names == nil {
		return rules.Cancelled{}
	}
	names := i.Reasons[0].Names
	return rules.Cancelled{By: names.Who, At: names.Day}
}

// cancelsOf loads the cancels of the runs that stored invites came from, and of the replays that decide them now.
func (t *Tx) cancelsOf(ctx context.Context, candidates []Candidate) (store.Cancels, error) {
	var replayed []store.Invite
	for i := range candidates {
		if c := &candidates[i]; c.Replay.Valid && c.Invite.State != "" {
			replayed = append(replayed, store.Invite{RunID: c.Invite.RunID, ReplayID: c.Replay})
		}
	}
	return t.LoadCancels(ctx, replayed)
}

// isCancelled says whether a replay must leave a stored invite alone, because its run was cancelled after the page was
// read.
func isCancelled(cancels store.Cancels, c Candidate) bool {
	return c.Replay.Valid && cancels.Of(c.Invite.RunID, c.Replay) != (rules.Cancelled{})
}

// ClearRun skips up to n queued invites of a cancelled run, and returns how many it has skipped. Access and login are
// free again (ADR 158).
func (t *Tx) ClearRun(ctx context.Context, run store.Run, n int) (int, error) {
	queued, err := t.LockQueuedOf(ctx, run, n)
	if err != nil || len(queued) == 0 {
		return 0, err
	}
	candidates, err := t.AskAgain(ctx, queued)
	if err != nil {
		return 0, err
	}
	for _, c := range candidates {
		c.Ask.Cancelled = rules.Cancelled{By: run.CancelledBy, At: run.CancelledAt}
		if err := t.withdraw(c, t.Book.Decide(c.Ask, t.Now, t.ledger.Policy)); err != nil {
			return 0, err
		}
	}
	return len(queued), nil
}
