package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The causes of a pause.
const (
	PausedByOperator   = "operator"
	PausedByBounces    = "bounces"
	PausedByComplaints = "complaints"
)

// Pause is the last pause of a firm, or of one lane of it. While it lasts, no mail of the firm leaves, or none of that
// lane (ADR 116, ADR 174).
type Pause struct {
	FirmID         string
	Lane           Lane // "": both lanes
	Paused         bool // it has not ended
	Cause          string
	At             time.Time
	By             string // the operator; "" if the cause is none
	Reason         string
	ResumedAt      time.Time // zero if nobody has ended a pause of this firm yet
	ResumedBy      string
	ResumedBecause string
}

// Holds says whether the mails of a lane wait because of the pause.
func (p Pause) Holds(lane Lane) bool { return p.Paused && (p.Lane == "" || p.Lane == lane) }

const pauseColumns = `firm_id, lane, paused, cause, paused_at, paused_by, reason, resumed_at, resumed_by,
	resumed_because`

func scanPause(row pgx.CollectableRow) (Pause, error) {
	var p Pause
	var resumed *time.Time
	err := row.Scan(&p.FirmID, &p.Lane, &p.Paused, &p.Cause, &p.At, &p.By, &p.Reason, &resumed, &p.ResumedBy,
		&p.ResumedBecause)
	p.ResumedAt = orZero(resumed)
	return p, err
}

// pausedFirms is an array of the firms whose mails of a lane ($1) are paused, in SQL. A statement computes it once.
const pausedFirms = `ARRAY(SELECT firm_id FROM firm_pauses WHERE paused AND lane IN ('', $1))`

// PauseOf returns the last pause of a firm as a whole, or the zero value.
func (s *Store) PauseOf(ctx context.Context, firm string) (Pause, error) {
	return pauseOf(ctx, s.pool, firm, "", "")
}

// LockPause returns the last pause of a firm or a lane of it, and locks it until the transaction ends.
func (t *Tx) LockPause(ctx context.Context, firm string, lane Lane) (Pause, error) {
	return pauseOf(ctx, t.tx, firm, lane, " FOR UPDATE")
}

// PausesOf returns the pauses of a firm and of its lanes that last, the firm's own first.
func (s *Store) PausesOf(ctx context.Context, firm string) ([]Pause, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+pauseColumns+` FROM firm_pauses WHERE firm_id = $1 AND paused ORDER BY lane`,
		firm)
	if err != nil {
		return nil, fmt.Errorf("read the pauses of a firm: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPause)
	if err != nil {
		return nil, fmt.Errorf("read the pauses of a firm: %w", err)
	}
	return list, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func pauseOf(ctx context.Context, in querier, firm string, lane Lane, lock string) (Pause, error) {
	rows, err := in.Query(ctx, `SELECT `+pauseColumns+` FROM firm_pauses WHERE firm_id = $1 AND lane = $2`+lock,
		firm, lane)
	if err != nil {
		return Pause{}, fmt.Errorf("read the pause of a firm: %w", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPause)
	if errors.Is(err, pgx.ErrNoRows) {
		return Pause{}, nil
	}
	if err != nil {
		return Pause{}, fmt.Errorf("read the pause of a firm: %w", err)
	}
	return p, nil
}

// Paused returns the pauses that last, in the order of firm and lane, starting after one.
func (s *Store) Paused(ctx context.Context, after Pause, n int) ([]Pause, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+pauseColumns+` FROM firm_pauses WHERE paused AND (firm_id, lane) > ($1, $2)
		ORDER BY firm_id, lane LIMIT $3`, after.FirmID, after.Lane, n)
	if err != nil {
		return nil, fmt.Errorf("list paused firms: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPause)
	if err != nil {
		return nil, fmt.Errorf("list paused firms: %w", err)
	}
	return list, nil
}

// CountPaused counts the firms that are paused, or a lane of them.
func (s *Store) CountPaused(ctx context.Context) (n int, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(DISTINCT firm_id) FROM firm_pauses WHERE paused`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count paused firms: %w", err)
	}
	return n, nil
}

// PauseFirm pauses a firm, or a lane of it. It returns false if that is paused already: the pause stays as it is.
func (t *Tx) PauseFirm(ctx context.Context, p Pause) (bool, error) {
	paused, err := t.tx.Exec(ctx, `
		INSERT INTO firm_pauses AS old (firm_id, lane, paused, cause, paused_at, paused_by, reason)
		VALUES ($1, $5, true, $2, ledger_now(), $3, $4)
		ON CONFLICT (firm_id, lane) DO UPDATE SET paused = true, cause = excluded.cause, paused_at = excluded.paused_at,
			paused_by = excluded.paused_by, reason = excluded.reason
		WHERE NOT old.paused`, p.FirmID, p.Cause, validText(p.By), validText(p.Reason), p.Lane)
	if err != nil {
		return false, fmt.Errorf("pause firm %s: %w", p.FirmID, err)
	}
	return paused.RowsAffected() > 0, nil
}

// ResumeFirm ends the pause of a firm, or of a lane of it. After that of the firm, its mails and failures are counted
// anew. It returns false if there is no such pause.
func (t *Tx) ResumeFirm(ctx context.Context, firm string, lane Lane, by, reason string) (bool, error) {
	resumed, err := t.tx.Exec(ctx, `
		WITH resumed AS (
			UPDATE firm_pauses SET paused = false, resumed_at = ledger_now(), resumed_by = $2, resumed_because = $3
			WHERE firm_id = $1 AND lane = $4 AND paused RETURNING firm_id
		), forgotten AS (
			DELETE FROM firm_mails USING resumed WHERE firm_mails.firm_id = resumed.firm_id AND $4 = ''
		)
		SELECT FROM resumed`, firm, validText(by), validText(reason), lane)
	if err != nil {
		return false, fmt.Errorf("resume firm %s: %w", firm, err)
	}
	return resumed.RowsAffected() > 0, nil
}

// MailFailure is a mail that counts against its firm: its mailbox does not exist, or its reader complained.
type MailFailure struct {
	FirmID   string
	InviteID uuid.UUID
	Nonce    int64  // of the mail
	Kind     string // CauseBounce or CauseComplaint
	Sender   string // by which the mail left
	MailedAt time.Time
}

// CountFailures counts mails against their firms, each of them once of each kind.
func (t *Tx) CountFailures(ctx context.Context, list []MailFailure) error {
	if len(list) == 0 {
		return nil
	}
	list = sorted(list, func(a, b MailFailure) int {
		return cmp.Or(bytes.Compare(a.InviteID[:], b.InviteID[:]), cmp.Compare(a.Nonce, b.Nonce), cmp.Compare(a.Kind, b.Kind))
	})
	_, err := t.tx.Exec(ctx, `
		INSERT INTO mail_failures (firm_id, invite_id, nonce, kind, sender, mailed_at)
		SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
		ON CONFLICT DO NOTHING`,
		column(list, func(f MailFailure) string { return f.FirmID }),
		column(list, func(f MailFailure) uuid.UUID { return f.InviteID }),
		column(list, func(f MailFailure) int64 { return f.Nonce }),
		column(list, func(f MailFailure) string { return f.Kind }),
		column(list, func(f MailFailure) string { return f.Sender }),
		column(list, func(f MailFailure) time.Time { return f.MailedAt }))
	if err != nil {
		return fmt.Errorf("count mails against their firms: %w", err)
	}
	return nil
}

// clearOutbox deletes the events of a worker ($1) by their ids ($2), and counts the mails that they tell of. What the
// mail server has refused counts as well, and a mail that came back is not counted again.
const clearOutbox = `
	WITH gone AS (
		DELETE FROM outbox WHERE worker_id = $1 AND outbox_id = ANY ($2) RETURNING subject, type, data
	), mails AS (
		SELECT split_part(subject, '.', 3) COLLATE "C" AS firm_id, count(*)::int AS n FROM gone
		WHERE type = 'InviteSent' OR type = 'InviteFailed' AND data->>'stage' <> 'after' GROUP BY 1
	)
	INSERT INTO firm_mails AS old (firm_id, hour, sender, mails)
	SELECT firm_id, date_trunc('hour', ledger_now()), coalesce(f.sender, ''), n
	FROM mails LEFT JOIN firms f USING (firm_id) ORDER BY firm_id
	ON CONFLICT (firm_id, hour, sender) DO UPDATE SET mails = old.mails + excluded.mails`

// countedSince is since when mails and failures count against a firm: for a day, and what has begun of the hour before.
const countedSince = `date_trunc('hour', ledger_now() - interval '24 hours')`

// Suspect is a firm of whose mails of a day enough have come back, or were complained about, to look at their share.
type Suspect struct {
	FirmID                     string
	Mails, Bounces, Complaints int
}

// Suspects counts the mails of a day of those firms that are not paused and have at least so many failures of either
// kind. Only mails count that left by the sender that the firm has now, and after its last pause.
func (s *Store) Suspects(ctx context.Context, bounces, complaints int) ([]Suspect, error) {
	rows, err := s.pool.Query(ctx, `
		WITH counted AS (
			SELECT m.firm_id, coalesce(f.sender, '') AS sender, count(*) FILTER (WHERE kind = 'bounce') AS bounces,
				count(*) FILTER (WHERE kind = 'complaint') AS complaints
			FROM mail_failures m LEFT JOIN firms f USING (firm_id)
				LEFT JOIN firm_pauses p ON p.firm_id = m.firm_id AND p.lane = ''
			WHERE mailed_at >= `+countedSince+` AND mailed_at >= coalesce(p.resumed_at, '-infinity')
			  AND m.sender = coalesce(f.sender, '') AND p.paused IS NOT TRUE
			GROUP BY 1, 2
		)
		SELECT firm_id, coalesce((
			SELECT sum(mails) FROM firm_mails m
			WHERE m.firm_id = counted.firm_id AND m.sender = counted.sender AND hour >= `+countedSince+`), 0)::int,
			bounces, complaints
		FROM counted WHERE bounces >= $1 OR complaints >= $2 ORDER BY firm_id`, bounces, complaints)
	if err != nil {
		return nil, fmt.Errorf("count the mails that came back: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Suspect])
	if err != nil {
		return nil, fmt.Errorf("count the mails that came back: %w", err)
	}
	return list, nil
}

// ForgetCounts deletes what does not count against any firm any more.
func (s *Store) ForgetCounts(ctx context.Context) error {
	for _, sql := range []string{
		`DELETE FROM firm_mails WHERE hour < ` + countedSince,
		// A report may come days after its mail, and again after that. Until the mail's row is gone, it counts only once.
		`DELETE FROM mail_failures WHERE mailed_at < ledger_now() - interval '30 days'`,
	} {
		if _, err := s.pool.Exec(ctx, sql); err != nil {
			return fmt.Errorf("forget the mails of past days: %w", err)
		}
	}
	return nil
}
