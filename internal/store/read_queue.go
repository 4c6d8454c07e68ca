package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Waiting counts a firm's invites in one lane that have been decided and not yet sent.
type Waiting struct {
	Lane     Lane
	Queued   int          // they wait for their first or next attempt
	Sending  int          // their attempt is under way
	Retrying int          // of Queued: the mail server did not take their mail at the last attempt
	Held     int          // of Queued: they wait for a ruling
	Paused   int          // of Queued: their run, or the replay that decided them last, is paused
	Unknown  int          // of Queued: their sender is not known
	Oldest   time.Time    // when the invite that has waited longest was decided
	Next     time.Time    // when the next invite is due, which may be in the past; zero: none is due
	Last     AttemptTimes // the newest attempt of those in Retrying; zero if there are none
}

// onTheirWay are a firm's ($1) invites that are queued or being sent. Each kind has an index (ADR 140). The firm is
// behind the lane and the sender in invites_in_turns, so this jumps from queue to queue first.
const onTheirWay = `
	WITH RECURSIVE queues AS (
		(SELECT lane, sender FROM invites WHERE state = ` + sqlQueued + ` ORDER BY lane, sender LIMIT 1)
		UNION ALL
		SELECT next.lane, next.sender FROM queues q CROSS JOIN LATERAL (
			SELECT lane, sender FROM invites
			WHERE state = ` + sqlQueued + ` AND (lane, sender) > (q.lane, q.sender)
			ORDER BY lane, sender LIMIT 1) next
	)
	SELECT queued.* FROM queues q CROSS JOIN LATERAL (
		SELECT * FROM invites
		WHERE lane = q.lane AND sender = q.sender AND firm_id = $1 AND state = ` + sqlQueued + `) queued
	UNION ALL
	SELECT * FROM invites WHERE firm_id = $1 AND state = ` + sqlSending

// Waiting reads a firm's queue, by lane. known are the names of the senders that are configured. It leaves out a lane
// in which nothing waits.
func (t *Tx) Waiting(ctx context.Context, firmID string, known []string) ([]Waiting, error) {
	list, err := collect(ctx, t, "count the queue", scanWaiting, `
		SELECT i.lane, count(*) FILTER (WHERE i.state = `+sqlQueued+`), count(*) FILTER (WHERE i.state = `+sqlSending+`),
			count(a.finished_at) FILTER (WHERE i.state = `+sqlQueued+`), count(i.held_at),
			count(*) FILTER (WHERE i.state = `+sqlQueued+` AND i.sender <> ALL ($2)),
			count(*) FILTER (WHERE i.state = `+sqlQueued+` AND NOT (`+runGoesOn+` AND `+replayGoesOn+`)), min(i.decided_at),
			min(i.next_attempt_at)
		FROM (`+onTheirWay+`) AS i LEFT JOIN attempts a USING (invite_id, attempt)
		GROUP BY i.lane`, firmID, known)
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
	err := row.Scan(&w.Lane, &w.Queued, &w.Sending, &w.Retrying, &w.Held, &w.Unknown, &w.Paused, &w.Oldest, &next)
	w.Next = orZero(next)
	return w, err
}

// lastAttempt reads the newest attempt among the invites that are retried.
func (t *Tx) lastAttempt(ctx context.Context, firmID string, w *Waiting) error {
	return t.tx.QueryRow(ctx, `
		SELECT a.invite_id, a.attempt, a.verdict, a.stage, a.smtp_code, a.enhanced, a.said, a.started_at, a.finished_at
		FROM invites i JOIN attempts a USING (invite_id, attempt)
		WHERE i.firm_id = $1 AND i.lane = $2 AND i.state = `+sqlQueued+` AND a.finished_at IS NOT NULL
		ORDER BY a.finished_at DESC, a.invite_id LIMIT 1`, firmID, w.Lane).
		Scan(&w.Last.InviteID, &w.Last.Number, &w.Last.Verdict, &w.Last.Stage, &w.Last.SMTPCode, &w.Last.Enhanced,
			&w.Last.Said, &w.Last.StartedAt, &w.Last.FinishedAt)
}

// PausedRuns reads the runs of a firm that are paused while recipients wait, the one that was paused first first.
func (t *Tx) PausedRuns(ctx context.Context, firmID string, n int) ([]Run, error) {
	return collect(ctx, t, "list paused runs", scanRun, `SELECT `+runColumns+` FROM runs
		WHERE firm_id = $1 AND paused_at IS NOT NULL AND pending > 0 ORDER BY paused_at, run_id LIMIT $2`, firmID, n)
}
