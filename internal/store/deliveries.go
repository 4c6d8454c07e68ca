package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
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

const dueIndividually = `
	SELECT ` + inviteColumns + ` FROM invites
	WHERE lane = 'individual' AND run_id IS NULL AND state = 'queued' AND next_attempt_at <= $1
	ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED`

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
		WHERE lane = 'bulk' AND invites.run_id = turns.run_id AND state = 'queued' AND next_attempt_at <= $1
		ORDER BY next_attempt_at, invite_id LIMIT ($2 + sharers - 1) / sharers FOR UPDATE SKIP LOCKED) due
	LIMIT $2`

// Attempt is one try at handing a mail to a mail server.
type Attempt struct {
	InviteID  uuid.UUID
	Number    int
	MessageID string

	// What came of it.
	Verdict  string
	Stage    string
	SMTPCode int
	Enhanced string
	Said     string
}

// BeginAttempts marks locked invites as being sent by a worker and puts the attempts on record, before the first byte goes
// out: whatever happens to the worker, no second mail is without an attempt that explains it.
func (t *Tx) BeginAttempts(ctx context.Context, worker uuid.UUID, attempts []Attempt, now time.Time) error {
	if len(attempts) == 0 {
		return nil
	}
	ids := column(attempts, func(a Attempt) uuid.UUID { return a.InviteID })
	numbers := column(attempts, func(a Attempt) int { return a.Number })
	var batch pgx.Batch
	batch.Queue(`
		UPDATE invites SET state = 'sending', worker_id = $1, attempt = a.attempt, next_attempt_at = NULL, slot_at = NULL
		FROM unnest($2::uuid[], $3::int[]) AS a (invite_id, attempt) WHERE invites.invite_id = a.invite_id`,
		worker, ids, numbers)
	batch.Queue(`
		INSERT INTO attempts (worker_id, started_at, invite_id, attempt, message_id)
		SELECT $1, $2, * FROM unnest($3::uuid[], $4::int[], $5::text[])`,
		worker, now, ids, numbers, column(attempts, func(a Attempt) string { return a.MessageID }))
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("begin attempts: %w", err)
	}
	return nil
}

// EndAttempts records what came of attempts, and returns, locked, the invites that are still this worker's to settle. An
// invite that was taken over in the meantime is left to whoever took it, and its attempt stays unknown: the second mail that
// has left, or is about to, is explained by it.
func (t *Tx) EndAttempts(ctx context.Context, worker uuid.UUID, attempts []Attempt, now time.Time) (map[uuid.UUID]Invite, error) {
	_, err := t.tx.Exec(ctx, `
		UPDATE attempts SET finished_at = $1, verdict = a.verdict, stage = a.stage, smtp_code = a.smtp_code, enhanced = a.enhanced, said = a.said
		FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[])
			AS a (invite_id, attempt, verdict, stage, smtp_code, enhanced, said)
		WHERE attempts.invite_id = a.invite_id AND attempts.attempt = a.attempt AND attempts.verdict = ''`,
		now,
		column(attempts, func(a Attempt) uuid.UUID { return a.InviteID }),
		column(attempts, func(a Attempt) int { return a.Number }),
		column(attempts, func(a Attempt) string { return a.Verdict }),
		column(attempts, func(a Attempt) string { return a.Stage }),
		column(attempts, func(a Attempt) int { return a.SMTPCode }),
		column(attempts, func(a Attempt) string { return a.Enhanced }),
		column(attempts, func(a Attempt) string { return a.Said }))
	if err != nil {
		return nil, fmt.Errorf("end attempts: %w", err)
	}
	rows, err := t.tx.Query(ctx, `
		SELECT `+inviteColumns+` FROM invites
		WHERE state = 'sending' AND worker_id = $1 AND (invite_id, attempt) IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
		ORDER BY invite_id FOR UPDATE`,
		worker,
		column(attempts, func(a Attempt) uuid.UUID { return a.InviteID }),
		column(attempts, func(a Attempt) int { return a.Number }))
	if err != nil {
		return nil, fmt.Errorf("end attempts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanInvite)
	if err != nil {
		return nil, fmt.Errorf("end attempts: %w", err)
	}
	mine := make(map[uuid.UUID]Invite, len(list))
	for _, i := range list {
		mine[i.ID] = i
	}
	return mine, nil
}

// ReturnUnsent queues again what is marked as being sent by a worker that knows it has sent none of it: its claim was
// committed, and the answer got lost.
func (s *Store) ReturnUnsent(ctx context.Context, worker uuid.UUID) error {
	err := s.Tx(ctx, func(t *Tx) error {
		var batch pgx.Batch
		batch.Queue(`
			UPDATE attempts SET verdict = 'retry', stage = 'connect', finished_at = now(), said = 'the mail was not sent: the worker could not tell that the attempt was on record'
			FROM invites WHERE attempts.invite_id = invites.invite_id AND attempts.attempt = invites.attempt
			  AND invites.state = 'sending' AND invites.worker_id = $1 AND attempts.verdict = ''`, worker)
		batch.Queue(`
			UPDATE invites SET state = 'queued', worker_id = NULL, next_attempt_at = now()
			WHERE state = 'sending' AND worker_id = $1`, worker)
		return t.tx.SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return fmt.Errorf("return unsent invites: %w", err)
	}
	return nil
}
