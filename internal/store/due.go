package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LockDue takes up to n invites of a lane whose time has come and holds them until the transaction ends; invites that
// another worker holds are passed over. In the bulk lane every firm that has something to send gets its share of n, and every
// run its share of the firm's: a small run started behind a large one is done in seconds, two large ones progress together, and
// a firm that starts many runs takes nothing from the others.
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

// Ordered by all that its index is: that run_id is the same everywhere, namely NULL, the planner does not see, and would read and sort
// the whole queue for each claim.
const individuallyInOrder = ` FROM invites
	WHERE lane = 'individual' AND run_id IS NULL AND state = ` + sqlQueued + ` AND next_attempt_at <= $1
	ORDER BY run_id, next_attempt_at, invite_id`

// IndividualDue says whether an invite of the individual lane waits whose time has come.
func (s *Store) IndividualDue(ctx context.Context, now time.Time) (bool, error) {
	due := false
	err := s.pool.QueryRow(ctx, anyIndividual, now).Scan(&due)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("look for due invites: %w", err)
	}
	return due, nil
}

// Where n is less than the number of runs, their order decides who is served, so it is drawn: -ln(1 - random()) grows at a rate
// of one, times the siblings at a rate that gives every firm the same chance to come first, and every run of a firm.
const dueByRun = `
	WITH sending AS (
		SELECT run_id, firm_id, count(*) OVER (PARTITION BY firm_id) AS siblings FROM runs WHERE pending > 0 AND kind <> 'replay'
	), turns AS MATERIALIZED (
		SELECT run_id, siblings * (SELECT count(DISTINCT firm_id) FROM sending) AS sharers FROM sending
		ORDER BY siblings * -ln(1 - random())
	)
	SELECT due.* FROM turns CROSS JOIN LATERAL (
		SELECT ` + inviteColumns + ` FROM invites
		WHERE lane = 'bulk' AND invites.run_id = turns.run_id AND state = ` + sqlQueued + ` AND next_attempt_at <= $1
		ORDER BY next_attempt_at, invite_id LIMIT ($2 + sharers - 1) / sharers FOR UPDATE SKIP LOCKED) due
	LIMIT $2`

// Backlog is how a lane's queue stands: how many invites wait to leave, and since when the longest one could have.
type Backlog struct {
	Length int
	Oldest time.Duration // 0 where none is due
}

// Backlog counts in the index of what is due, which a lane of a hundred thousand reads in some hundredths of a second: not for
// every look at the metrics. Those held for a person to decide are due at no time.
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
