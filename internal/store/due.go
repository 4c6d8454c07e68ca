package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Queue is what one sender has to send in one lane (ADR 113). No claim of one queue reads another.
type Queue struct {
	Lane   Lane
	Sender string // "" is the default sender
}

// Turn is the firm behind which a worker's next claim begins. Claims go through the firms in the order of their ids,
// and after the last firm comes the first one again. The zero value is before the first firm.
type Turn struct{ firm string }

// LockDue takes up to n due invites of a queue, and locks them until the transaction ends. It passes over invites that
// another worker has locked. Every firm with something to send gets its share of n, and every run gets its share of the
// firm's (ADR 81). So a small run that starts after a large one is done in seconds, and two large runs progress
// together. A firm that sends many requests or starts many runs takes nothing from other firms. The claim begins behind
// the turn's firm. If n is smaller than the number of firms, only the next n firms get an invite. next is the turn of
// the claim after this one.
func (t *Tx) LockDue(
	ctx context.Context, q Queue, n int, turn Turn, now time.Time,
) (due []Invite, next Turn, err error) {
	rows, err := t.tx.Query(ctx, dueInTurns, q.Lane, now, turn.firm, n, q.Sender)
	if err == nil {
		due, err = pgx.CollectRows(rows, scanInvite)
	}
	if err != nil {
		return nil, turn, fmt.Errorf("take due invites: %w", err)
	}
	return due, turnAfter(turn, due, n), nil
}

// turnAfter returns the turn after a claim for n invites. If n firms got an invite, there may be more firms. So the
// next claim begins behind the last of the n. If fewer did, they are all that have something to send, and the first
// ones may have got one invite more than the others. So the next claim begins behind the first one.
func turnAfter(turn Turn, due []Invite, n int) Turn {
	firms := map[string]bool{}
	for i := range due {
		firms[due[i].FirmID] = true
	}
	switch len(firms) {
	case 0:
		return turn
	case n:
		return Turn{due[n-1].FirmID}
	default:
		return Turn{due[0].FirmID}
	}
}

// A line is what one firm has in a queue for one run, or for no run. Its key is the firm and the run.
// runOfLine is the second half of the key, as the index invites_in_turns has it. For individual invites, which have no
// run, it is the smallest uuid, so all individual invites of a firm are one line.
const runOfLine = `coalesce(run_id, '00000000-0000-0000-0000-000000000000'::uuid)`

// Nothing is due of a paused firm, of one that has sent as many mails as it may (ADR 153), and in the bulk lane of one
// whose hours are over (ADR 139). The walk
// jumps behind the last of its lines, so it reads one invite of the firm, however many runs and invites wait there.
// Nothing is due of a run that is paused, or that holds its mails until its walk has ended (ADR 169). It is one line.
// The invites of a paused replay are in the lines of other runs, so the walk reads past them (ADR 158).
const (
	waitingFirms = `(` + pausedFirms + ` || ` + lateFirms + `
		|| CASE WHEN $1 = 'bulk' THEN ` + closedFirms + ` ELSE '{}' END)`
	pausedRuns = `ARRAY(
		SELECT run_id FROM runs WHERE paused_at IS NOT NULL UNION ALL SELECT run_id FROM runs WHERE holds)`
	runGoesOn    = `coalesce(run_id <> ALL (` + pausedRuns + `), true)`
	replayGoesOn = `coalesce(replay_id <> ALL (` + pausedRuns + `), true)`

	isDue  = `coalesce(next_attempt_at <= $2, false) AND firm_id <> ALL (` + waitingFirms + `) AND ` + runGoesOn
	jumpTo = `CASE WHEN firm_id = ANY (` + waitingFirms + `) THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
		ELSE ` + runOfLine + ` END`
)

// linesInTurns walks over the lines of a lane ($1) and a sender ($5), and finds out which have something due at a time
// ($2). Each step
// jumps to the first invite of the next line, which is the invite of that line that comes due first. So the walk reads
// one invite of each line, however long the lines are.
//
// The walk goes around once. It begins behind all lines of a firm ($3): no run has a larger id than the run that it
// begins with. Behind the last firm, it goes on with the first one, and again becomes true. It ends with the firm that
// it began behind. It ends early when it has found more than $4 firms with something due. firms is how many it has
// found, and counted is the last of them.
const linesInTurns = `
	WITH RECURSIVE lines AS (
		SELECT $3::text COLLATE "C" AS firm_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid AS run, false AS is_due,
			false AS again, 0 AS firms, '' COLLATE "C" AS counted
		UNION ALL
		SELECT next.firm_id, next.run, next.is_due, next.again,
			l.firms + CASE WHEN next.is_due AND next.firm_id <> l.counted THEN 1 ELSE 0 END,
			CASE WHEN next.is_due THEN next.firm_id ELSE l.counted END
		FROM lines l CROSS JOIN LATERAL (
			(SELECT firm_id, ` + jumpTo + ` AS run, ` + isDue + ` AS is_due, l.again
			FROM invites
			WHERE lane = $1 AND sender = $5 AND state = ` + sqlQueued + `
			  AND (firm_id, ` + runOfLine + `) > (l.firm_id, l.run) AND ` + replayGoesOn + `
			ORDER BY firm_id, ` + runOfLine + `, next_attempt_at, invite_id LIMIT 1)
			UNION ALL
			(SELECT firm_id, ` + jumpTo + `, ` + isDue + `, true
			FROM invites
			WHERE lane = $1 AND sender = $5 AND state = ` + sqlQueued + ` AND NOT l.again AND ` + replayGoesOn + `
			ORDER BY firm_id, ` + runOfLine + `, next_attempt_at, invite_id LIMIT 1)
			LIMIT 1) next
		WHERE l.firms <= $4 AND NOT (next.again AND next.firm_id > $3)
	)`

const (
	// A claim may ask for fewer invites ($4) than a firm has runs. So the runs of a firm come in random order, and no run
	// is always the last. First each firm gets a share for one of its runs, then for another one, until there are $4
	// invites.
	dueInTurns = linesInTurns + `, turns AS MATERIALIZED (
		SELECT firm_id, run, count(*) OVER (PARTITION BY firm_id) AS siblings,
			$4 / sharers + CASE WHEN firms <= $4 % sharers THEN 1 ELSE 0 END AS share
		FROM lines, (SELECT max(firms) AS sharers FROM lines WHERE is_due AND firms <= $4) AS all_firms
		WHERE is_due AND firms <= $4
		ORDER BY row_number() OVER (PARTITION BY firm_id ORDER BY random()), firms
	)
	SELECT due.* FROM turns CROSS JOIN LATERAL (
		SELECT ` + inviteColumns + ` FROM invites
		WHERE lane = $1 AND sender = $5 AND invites.firm_id = turns.firm_id AND ` + runOfLine + ` = turns.run
		  AND state = ` + sqlQueued + ` AND next_attempt_at <= $2 AND ` + replayGoesOn + `
		ORDER BY next_attempt_at, invite_id
		LIMIT (share + siblings - 1) / siblings FOR UPDATE SKIP LOCKED) due
	LIMIT $4`

	anyDue = linesInTurns + ` SELECT EXISTS (SELECT FROM lines WHERE is_due)`
)

// AnyDue says whether an invite of a queue is due. It walks no further than to the first firm that has one.
func (s *Store) AnyDue(ctx context.Context, q Queue, now time.Time) (due bool, err error) {
	if err := s.pool.QueryRow(ctx, anyDue, q.Lane, now, "", 0, q.Sender).Scan(&due); err != nil {
		return false, fmt.Errorf("look for due invites: %w", err)
	}
	return due, nil
}

// Backlog is how many invites of a lane wait for a sender, and for how long the oldest of them has been due that no
// pause holds back.
type Backlog struct {
	Sender string
	Length int
	Oldest time.Duration // 0 if none is due
}

// Backlogs counts a lane's queued invites by sender, due now or later. That takes some hundredths of a second for a
// lane of a hundred thousand invites, so do not call it for every scrape of the metrics. Held invites do not come due
// and are not counted. A sender for which nothing waits is left out.
func (s *Store) Backlogs(ctx context.Context, lane Lane, now time.Time) ([]Backlog, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT sender, count(*),
			coalesce(greatest($2 - min(next_attempt_at) FILTER (WHERE firm_id <> ALL (`+waitingFirms+`)
				AND `+runGoesOn+` AND `+replayGoesOn+`), '0'), '0') FROM invites
		WHERE lane = $1 AND state = `+sqlQueued+` AND next_attempt_at IS NOT NULL GROUP BY sender ORDER BY sender`,
		lane, now)
	if err != nil {
		return nil, fmt.Errorf("measure the %s queue: %w", lane, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Backlog])
	if err != nil {
		return nil, fmt.Errorf("measure the %s queue: %w", lane, err)
	}
	return list, nil
}
