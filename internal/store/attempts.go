package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Attempt is one try to send one invite's mail.
type Attempt struct {
	InviteID  uuid.UUID
	Number    int
	MessageID string
	Email     string // where the mail goes, normal form
	Sender    string // by which it leaves

	// The result.
	Server     string // host:port
	ServerName string // the name that the server gave itself
	Verdict    string
	Stage      string
	SMTPCode   int
	Enhanced   string
	Said       string
	Pause      time.Duration // until the next attempt; 0 if the mail was not at fault
}

// BeginAttempts marks locked invites as being sent by a worker, and records their attempts. This happens before the
// first byte leaves. So whatever happens to the worker, every second mail has an attempt that explains it. It returns
// [ErrLeaseEnded] if the worker's lease has ended.
func (t *Tx) BeginAttempts(ctx context.Context, worker uuid.UUID, attempts []Attempt, now time.Time) error {
	if len(attempts) == 0 {
		return nil
	}
	ids := column(attempts, func(a Attempt) uuid.UUID { return a.InviteID })
	numbers := column(attempts, func(a Attempt) int { return a.Number })
	var batch pgx.Batch
	queueLease(&batch, worker)
	batch.Queue(markSending, worker, ids, numbers)
	queueAttempts(&batch, worker, attempts, now)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("begin attempts: %w", err)
	}
	return nil
}

func queueAttempts(batch *pgx.Batch, worker uuid.UUID, attempts []Attempt, now time.Time) {
	batch.Queue(`
		INSERT INTO attempts (worker_id, started_at, invite_id, attempt, message_id, mailed_to, mailed_by)
		SELECT $1, $2, * FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[])`,
		worker, now,
		column(attempts, func(a Attempt) uuid.UUID { return a.InviteID }),
		column(attempts, func(a Attempt) int { return a.Number }),
		column(attempts, func(a Attempt) string { return a.MessageID }),
		column(attempts, func(a Attempt) string { return a.Email }),
		column(attempts, func(a Attempt) string { return a.Sender }))
}

// Ended says what a worker does about an attempt that has ended.
type Ended int

// Nothing, or settle its invite. Settle it without its person, who was erased meanwhile.
const (
	NotMine Ended = iota
	Mine
	MineErased
)

// EndAttempts records the results of a worker's attempts. It returns the invites that the worker settles: those whose
// attempt was open, and which are still being sent by it. A worker that takes an invite over first ends its attempt as
// unknown; that record explains the second mail.
func (t *Tx) EndAttempts(
	ctx context.Context, worker uuid.UUID, attempts []Attempt, now time.Time,
) (map[uuid.UUID]Ended, error) {
	mine := make(map[uuid.UUID]Ended, len(attempts))
	var batch pgx.Batch
	batch.Queue(lockLease, worker)
	batch.Queue(endAttempts, worker, now,
		column(attempts, func(a Attempt) uuid.UUID { return a.InviteID }),
		column(attempts, func(a Attempt) int { return a.Number }),
		column(attempts, func(a Attempt) string { return a.Verdict }),
		column(attempts, func(a Attempt) string { return a.Stage }),
		column(attempts, func(a Attempt) int { return a.SMTPCode }),
		column(attempts, func(a Attempt) string { return a.Enhanced }),
		column(attempts, func(a Attempt) string { return a.Said }),
		column(attempts, func(a Attempt) string { return a.Server }),
		column(attempts, func(a Attempt) string { return a.ServerName }),
	).Query(func(rows pgx.Rows) error {
		var id uuid.UUID
		var own, erased bool
		_, err := pgx.ForEachRow(rows, []any{&id, &own, &erased}, func() error {
			switch {
			case own && erased:
				mine[id] = MineErased
			case own:
				mine[id] = Mine
			}
			return nil
		})
		return err
	})
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("end attempts: %w", err)
	}
	return mine, nil
}

// Deferral is how often and how long an invite's mail has been deferred since the invite was decided (ADR 39).
type Deferral struct {
	Times   int           // how often a server did not take the mail; throttling and unclear refusals are not counted
	For     time.Duration // the pauses that followed, after throttling too; time without a server is not counted
	Unclear time.Time     // when a server last refused the mail without saying why; zero if none has
}

// Deferrals reads the deferrals of invites. Invites that were never deferred are left out.
func (t *Tx) Deferrals(ctx context.Context, invites []uuid.UUID) (map[uuid.UUID]Deferral, error) {
	if len(invites) == 0 {
		return nil, nil
	}
	rows, err := t.tx.Query(ctx, `
		SELECT invite_id, count(*) FILTER (WHERE a.verdict NOT IN ('throttled', 'unclear')), sum(a.pause),
			max(a.finished_at) FILTER (WHERE a.verdict = 'unclear')
		FROM attempts a JOIN invites i USING (invite_id)
		WHERE invite_id = ANY ($1) AND a.started_at >= i.decided_at AND a.pause > '0' GROUP BY invite_id`, invites)
	if err != nil {
		return nil, fmt.Errorf("read the deferrals of invites: %w", err)
	}
	found := map[uuid.UUID]Deferral{}
	var id uuid.UUID
	var d Deferral
	var unclear *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &d.Times, &d.For, &unclear}, func() error {
		d.Unclear = orZero(unclear)
		found[id] = d
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the deferrals of invites: %w", err)
	}
	return found, nil
}

// KeepPauses records the pauses that follow the attempts that have just ended.
func (t *Tx) KeepPauses(ctx context.Context, attempts []Attempt) error {
	if len(attempts) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		UPDATE attempts SET pause = a.pause
		FROM unnest($1::uuid[], $2::int[], $3::interval[]) AS a (invite_id, attempt, pause)
		WHERE attempts.invite_id = a.invite_id AND attempts.attempt = a.attempt`,
		column(attempts, func(a Attempt) uuid.UUID { return a.InviteID }),
		column(attempts, func(a Attempt) int { return a.Number }),
		column(attempts, func(a Attempt) time.Duration { return a.Pause }))
	if err != nil {
		return fmt.Errorf("keep pauses: %w", err)
	}
	return nil
}

// RecordRecovered records the attempts of recovered outcomes. An attempt that was still open ends.
func (t *Tx) RecordRecovered(ctx context.Context, worker uuid.UUID, attempts []RecoveredAttempt) error {
	if len(attempts) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		INSERT INTO attempts AS old (worker_id, invite_id, attempt, message_id, started_at, finished_at, verdict, stage,
			smtp_code, enhanced, said, mailed_by)
		SELECT $1, id, number, message_id, at AS began, at AS ended, verdict, stage, code, enhanced, said,
			coalesce((SELECT sender FROM invites WHERE invite_id = id), '')
		FROM unnest($2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::int[], $9::text[],
			$10::text[]) AS a (id, number, message_id, at, verdict, stage, code, enhanced, said)
		ON CONFLICT (invite_id, attempt) DO UPDATE SET message_id = excluded.message_id, finished_at = excluded.finished_at,
			verdict = excluded.verdict, stage = excluded.stage, smtp_code = excluded.smtp_code, enhanced = excluded.enhanced,
			said = excluded.said
		WHERE old.verdict IN ('', 'unknown')`,
		worker,
		column(attempts, func(a RecoveredAttempt) uuid.UUID { return a.InviteID }),
		column(attempts, func(a RecoveredAttempt) int { return a.Number }),
		column(attempts, func(a RecoveredAttempt) string { return a.MessageID }),
		column(attempts, func(a RecoveredAttempt) time.Time { return a.At }),
		column(attempts, func(a RecoveredAttempt) string { return a.Verdict }),
		column(attempts, func(a RecoveredAttempt) string { return a.Stage }),
		column(attempts, func(a RecoveredAttempt) int { return a.SMTPCode }),
		column(attempts, func(a RecoveredAttempt) string { return a.Enhanced }),
		column(attempts, func(a RecoveredAttempt) string { return a.Said }))
	if err != nil {
		return fmt.Errorf("record recovered attempts: %w", err)
	}
	return nil
}

// RecoveredAttempt is the attempt that a recovered outcome tells of.
type RecoveredAttempt struct {
	Attempt
	At time.Time
}

const (
	// endAttempts is the statement of [Tx.EndAttempts]. An invite that went elsewhere is not the worker's ($1) own: it is
	// no longer being sent, or by another worker, or with another attempt.
	endAttempts = `
		UPDATE attempts SET finished_at = $2, verdict = a.verdict, stage = a.stage, smtp_code = a.smtp_code,
			enhanced = a.enhanced, said = CASE WHEN i.erased THEN '' ELSE a.said END, server = a.server,
			server_name = a.server_name
		FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[], $10::text[],
			$11::text[]) AS a (invite_id, attempt, verdict, stage, smtp_code, enhanced, said, server, server_name)
			LEFT JOIN invites i ON i.invite_id = a.invite_id AND i.attempt = a.attempt
				AND i.state = ` + sqlSending + ` AND i.worker_id = $1
		WHERE attempts.invite_id = a.invite_id AND attempts.attempt = a.attempt AND attempts.verdict = ''
		RETURNING attempts.invite_id, i.invite_id IS NOT NULL, coalesce(i.erased, false)`

	// takeOverAttempts ends the attempts of invites that were freed: see [Store.TakeOver].
	takeOverAttempts = `
		UPDATE attempts SET verdict = 'unknown', finished_at = ledger_now(),
			said = 'the sending worker stopped before the result was recorded'
		FROM freed WHERE attempts.invite_id = freed.invite_id AND attempts.attempt = freed.attempt
		  AND attempts.verdict = ''`

	// returnAttempts ends the attempts of a worker ($1) by a sender ($2), which sent nothing: see [Tx.ReturnUnsent].
	returnAttempts = `
		UPDATE attempts SET verdict = 'retry', stage = 'connect', finished_at = ledger_now(),
			said = 'the mail was not sent: the worker did not know whether the attempt was recorded'
		FROM invites WHERE attempts.invite_id = invites.invite_id AND attempts.attempt = invites.attempt
		  AND invites.state = ` + sqlSending + ` AND invites.worker_id = $1 AND invites.sender = $2
		  AND attempts.verdict = ''`
)
