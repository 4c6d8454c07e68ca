package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LockDue takes up to n due invites of a lane, and locks them until the transaction ends. It passes over invites that
// another worker has locked. In the bulk lane every firm with something to send gets its share of n, and every run gets
// its share of the firm's (ADR 45). So a small run that starts behind a large one is done in seconds, two large runs
// progress together, and a firm that starts many runs takes nothing from other firms.
func (t *Tx) LockDue(ctx context.Context, lane Lane, n int, now time.Time) ([]Invite, error) {
	sql := dueIndividually
	if lane == BulkLane {
		sql = dueByRun
	}
	rows, err := t.tx.Query(ctx, sql, now, n)
	if err != nil {
		return nil, fmt.Errorf("take due invites: %w", err)
	}
	due, err := pgx.CollectRows(rows, scanInvite)
	if err != nil {
		return nil, fmt.Errorf("take due invites: %w", err)
	}
	return due, nil
}

const (
	dueIndividually = `SELECT ` + inviteColumns + individuallyInOrder + ` LIMIT $2 FOR UPDATE SKIP LOCKED`
	anyIndividual   = `SELECT true` + individuallyInOrder + ` LIMIT 1`
)

// ORDER BY lists the columns of the index invites_due_in_order that follow lane. WHERE makes run_id NULL in every row,
// but the planner does not conclude that. If ORDER BY left run_id out, Postgres would sort the whole queue for each
// claim (ADR 58).
const individuallyInOrder = ` FROM invites
	WHERE lane = 'individual' AND run_id IS NULL AND state = ` + sqlQueued + ` AND next_attempt_at <= $1
	ORDER BY run_id, next_attempt_at, invite_id`

// IndividualDue says whether an invite of the individual lane is due.
func (s *Store) IndividualDue(ctx context.Context, now time.Time) (bool, error) {
	due := false
	err := s.pool.QueryRow(ctx, anyIndividual, now).Scan(&due)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("look for due invites: %w", err)
	}
	return due, nil
}

// If a claim asks for fewer invites ($2) than there are runs, some runs get nothing from it. So the order of the runs
// is random: every firm has the same chance that one of its runs is the first, and each run of that firm has the same
// chance to be that run. For this, each run draws an exponential number with rate 1, -ln(1 - random()). It is
// multiplied by the number of the firm's runs, and the least product comes first.
const dueByRun = `
	WITH sending AS (
		SELECT run_id, firm_id, count(*) OVER (PARTITION BY firm_id) AS siblings
		FROM runs WHERE pending > 0 AND kind <> 'replay'
	), turns AS MATERIALIZED (
		SELECT run_id, siblings * (SELECT count(DISTINCT firm_id) FROM sending) AS sharers FROM sending
		ORDER BY siblings * -ln(1 - random())
	)
	SELECT due.* FROM turns CROSS JOIN LATERAL (
		SELECT ` + inviteColumns + ` FROM invites
		WHERE lane = 'bulk' AND invites.run_id = turns.run_id AND state = ` + sqlQueued + ` AND next_attempt_at <= $1
		ORDER BY next_attempt_at, invite_id LIMIT ($2 + sharers - 1) / sharers FOR UPDATE SKIP LOCKED) due
	LIMIT $2`

// Backlog is the length of a lane's queue, and for how long its oldest invite has been due.
type Backlog struct {
	Length int
	Oldest time.Duration // 0 if none is due
}

// Backlog counts the invites in the index of due invites. That takes some hundredths of a second for a lane of a
// hundred thousand invites, so do not call it for every scrape of the metrics. Held invites do not come due and are not
// counted.
func (s *Store) Backlog(ctx context.Context, lane Lane, now time.Time) (Backlog, error) {
	var b Backlog
	err := s.pool.QueryRow(ctx, `
		SELECT count(*), coalesce(greatest($2 - min(next_attempt_at), '0'), '0') FROM invites
		WHERE lane = $1 AND state = `+sqlQueued+` AND next_attempt_at IS NOT NULL`, lane, now).Scan(&b.Length, &b.Oldest)
	if err != nil {
		return Backlog{}, fmt.Errorf("measure the %s queue: %w", lane, err)
	}
	return b, nil
}
