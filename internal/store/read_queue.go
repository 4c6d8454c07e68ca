package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Waiting is what of a firm has been decided to go out by a lane, and has not left yet.
type Waiting struct {
	Lane     Lane
	Queued   int          // for their turn, or for their next attempt
	Sending  int          // under way
	Retrying int          // of Queued: those that the mail server did not take when they were tried last
	Held     int          // of Queued: those that a person has to decide about
	Oldest   time.Time    // when the one that has waited longest was decided
	Next     time.Time    // when the next one is due; it may be past. Zero: none is
	Last     AttemptTimes // the newest attempt of those that are retried, if any is
}

// Waiting is a firm's queue, by lane. A lane in which nothing waits is left out.
func (t *Tx) Waiting(ctx context.Context, firmID string) ([]Waiting, error) {
	list, err := collect(ctx, t, "count the queue", scanWaiting, `
		SELECT i.lane, count(*) FILTER (WHERE i.state = `+sqlQueued+`), count(*) FILTER (WHERE i.state = `+sqlSending+`),
			count(a.finished_at) FILTER (WHERE i.state = `+sqlQueued+`), count(i.held_at),
			min(i.decided_at), min(i.next_attempt_at)
		FROM invites i LEFT JOIN attempts a USING (invite_id, attempt)
		WHERE i.firm_id = $1 AND i.state `+isOnItsWay+`
		GROUP BY i.lane`, firmID)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Retrying == 0 {
			continue
		}
		if err := t.lastAttempt(ctx, firmID, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func scanWaiting(row pgx.CollectableRow) (Waiting, error) {
	var w Waiting
	var next *time.Time
	err := row.Scan(&w.Lane, &w.Queued, &w.Sending, &w.Retrying, &w.Held, &w.Oldest, &next)
	w.Next = orZero(next)
	return w, err
}

// lastAttempt reads what the mail server said last to one that is retried.
func (t *Tx) lastAttempt(ctx context.Context, firmID string, w *Waiting) error {
	return t.tx.QueryRow(ctx, `
		SELECT a.invite_id, a.attempt, a.verdict, a.stage, a.smtp_code, a.enhanced, a.said, a.started_at, a.finished_at
		FROM invites i JOIN attempts a USING (invite_id, attempt)
		WHERE i.firm_id = $1 AND i.lane = $2 AND i.state = `+sqlQueued+` AND a.finished_at IS NOT NULL
		ORDER BY a.finished_at DESC, a.invite_id LIMIT 1`, firmID, w.Lane).
		Scan(&w.Last.InviteID, &w.Last.Number, &w.Last.Verdict, &w.Last.Stage, &w.Last.SMTPCode, &w.Last.Enhanced, &w.Last.Said,
			&w.Last.StartedAt, &w.Last.FinishedAt)
}
