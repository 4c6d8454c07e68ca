package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Suppression is one cause that stops mail to an email.
type Suppression struct {
	Email, Cause string
	Since        time.Time // zero if it was written before the time was kept
	ID           string    // hides the email, for a cursor
}

// SuppressionFilter selects suppressions of a firm that are not lifted. Empty fields select all.
type SuppressionFilter struct {
	FirmID      string
	Cause       string
	Email       string    // in normal form
	From, Until time.Time // when the cause arose; Until is not included
}

// suppressionID has the same order for everybody, and says nothing about the email.
const suppressionID = `md5(firm_id || ' ' || email || ' ' || cause)`

// matching is the condition of a filter, with the parameters of [SuppressionFilter.args]. A row without a time is older
// than any time.
const matching = ` FROM suppressions WHERE firm_id = $1 AND NOT lifted
	AND ($2 = '' OR cause = $2) AND ($3 = '' OR email = $3)
	AND ($4::timestamptz IS NULL OR suppressed_at >= $4)
	AND ($5::timestamptz IS NULL OR coalesce(suppressed_at, '-infinity') < $5)`

func (f SuppressionFilter) args(more ...any) []any {
	return append([]any{f.FirmID, f.Cause, f.Email, orNull(f.From), orNull(f.Until)}, more...)
}

// ListSuppressions reads up to n of the suppressions, the newest first, starting after one. The zero value of after
// stands for the beginning.
func (t *Tx) ListSuppressions(
	ctx context.Context, f SuppressionFilter, after Suppression, n int,
) ([]Suppression, error) {
	// Rows without a time come last. Their place is the beginning of time.
	const place = `(coalesce(suppressed_at, '0001-01-01Z'), ` + suppressionID + `)`
	return collect(ctx, t, "list suppressions", func(row pgx.CollectableRow) (Suppression, error) {
		var s Suppression
		var since *time.Time
		err := row.Scan(&s.Email, &s.Cause, &since, &s.ID)
		s.Since = orZero(since)
		return s, err
	}, `SELECT email, cause, suppressed_at, `+suppressionID+matching+`
		AND ($6 = '' OR `+place+` < (coalesce($7::timestamptz, '0001-01-01Z'), $6))
		ORDER BY coalesce(suppressed_at, '0001-01-01Z') DESC, `+suppressionID+` DESC LIMIT $8`,
		f.args(after.ID, orNull(after.Since), n)...)
}

// CountSuppressions counts them.
func (t *Tx) CountSuppressions(ctx context.Context, f SuppressionFilter) (n int, err error) {
	if err := t.tx.QueryRow(ctx, `SELECT count(*)`+matching, f.args()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count suppressions: %w", err)
	}
	return n, nil
}

// LiftSuppressions lifts them, and returns how many they were. Each keeps the stream position of its last fact, so a
// fact that is delivered again does not bring it back (ADR 36).
func (t *Tx) LiftSuppressions(ctx context.Context, f SuppressionFilter, by string) (int, error) {
	lifted, err := t.tx.Exec(ctx, `
		WITH found AS (SELECT firm_id, email, cause`+matching+` ORDER BY firm_id, email, cause FOR UPDATE)
		UPDATE suppressions s SET lifted = true, lifted_by = $6, lifted_at = ledger_now() FROM found
		WHERE (s.firm_id, s.email, s.cause) = (found.firm_id, found.email, found.cause)`, f.args(validText(by))...)
	if err != nil {
		return 0, fmt.Errorf("lift suppressions: %w", err)
	}
	return int(lifted.RowsAffected()), nil
}

func queueSuppressions(batch *pgx.Batch, facts []factRow[suppressionFact]) {
	queueFacts(batch, `
		INSERT INTO suppressions AS old (firm_id, email, stream, sequence, cause, lifted, suppressed_at, lifted_at)
		SELECT firm_id, email, stream, sequence, cause, lifted, CASE WHEN NOT lifted THEN since END,
			CASE WHEN lifted THEN least(since, ledger_now()) END
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::bool[],
			$8::timestamptz[]) AS facts (firm_id, id, stream, sequence, email, cause, lifted, since)
		ON CONFLICT (firm_id, email, cause) DO UPDATE SET
			lifted = excluded.lifted, lifted_by = '', lifted_at = excluded.lifted_at,
			suppressed_at = coalesce(excluded.suppressed_at, old.suppressed_at),
			stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		facts,
		column(facts, func(f factRow[suppressionFact]) string { return f.fact.email }),
		column(facts, func(f factRow[suppressionFact]) string { return f.fact.cause }),
		column(facts, func(f factRow[suppressionFact]) bool { return f.fact.lifted }),
		column(facts, func(f factRow[suppressionFact]) *time.Time { return orNull(f.fact.since) }))
}

// Bounced is an address (in normal form). A mail server has said that it does not exist.
type Bounced struct {
	rules.EmailKey
	At time.Time
}

// SuppressBounced suppresses addresses that do not exist. What was lifted since then stays lifted.
//
// The suppression has the stream position of the newest fact about bounces of the address that is applied by now (ADR
// 36). Only a newer EmailUnsuppressed lifts it. One that was applied before and is redelivered does not lift it. If no
// fact is applied, the position is before all facts, and any EmailUnsuppressed that is applied from now on lifts the
// suppression.
func (t *Tx) SuppressBounced(ctx context.Context, list []Bounced) error {
	if len(list) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		INSERT INTO suppressions AS old (firm_id, email, cause, lifted, stream, sequence, suppressed_at)
		SELECT firm_id, email, 'bounce', false, '-infinity'::timestamptz, 0, max(at)
		FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS e (firm_id, email, at)
		GROUP BY firm_id, email ORDER BY firm_id, email
		ON CONFLICT (firm_id, email, cause) DO UPDATE SET
			lifted = false, lifted_by = '', lifted_at = NULL, suppressed_at = excluded.suppressed_at
		WHERE old.lifted AND coalesce(old.lifted_at, '-infinity') < excluded.suppressed_at`,
		column(list, func(b Bounced) string { return b.FirmID }),
		column(list, func(b Bounced) string { return b.Email }),
		column(list, func(b Bounced) time.Time { return b.At }))
	if err != nil {
		return fmt.Errorf("suppress addresses that bounced: %w", err)
	}
	return nil
}

// ReportedBlock is a suppression for which a report is the cause.
type ReportedBlock struct {
	rules.EmailKey
	Cause    string
	Since    time.Time
	MailedAt time.Time // when the mail that is reported was sent
	At       Position  // of the report
}

// SuppressReported suppresses addresses because of reports. If a cause was lifted after the mail had been sent, the
// report does not bring it back. Somebody knew about the address by then.
func (t *Tx) SuppressReported(ctx context.Context, blocks []ReportedBlock) error {
	type row struct {
		rules.EmailKey
		cause string
	}
	newest := map[row]ReportedBlock{}
	for _, b := range blocks {
		key := row{b.EmailKey, b.Cause}
		if have, has := newest[key]; !has || have.MailedAt.Before(b.MailedAt) {
			newest[key] = b
		}
	}
	list := make([]ReportedBlock, 0, len(newest))
	for _, b := range newest {
		list = append(list, b)
	}
	if len(list) == 0 {
		return nil
	}
	list = sorted(list, func(a, b ReportedBlock) int {
		return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.Email, b.Email), cmp.Compare(a.Cause, b.Cause))
	})
	_, err := t.tx.Exec(ctx, `
		WITH found AS MATERIALIZED (
			SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::timestamptz[],
				$7::timestamptz[]) AS f (firm_id, email, cause, stream, sequence, since, mailed_at)
		)
		INSERT INTO suppressions AS old (firm_id, email, cause, lifted, stream, sequence, suppressed_at)
		SELECT firm_id, email, cause, false, stream, sequence, since FROM found
		ON CONFLICT (firm_id, email, cause) DO UPDATE SET
			lifted = false, lifted_by = '', lifted_at = NULL, suppressed_at = excluded.suppressed_at,
			stream = excluded.stream, sequence = excluded.sequence
		WHERE old.lifted AND (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
		  AND coalesce(old.lifted_at, '-infinity') < (
			SELECT mailed_at FROM found
			WHERE (found.firm_id, found.email, found.cause) = (old.firm_id, old.email, old.cause))`,
		column(list, func(b ReportedBlock) string { return b.FirmID }),
		column(list, func(b ReportedBlock) string { return b.Email }),
		column(list, func(b ReportedBlock) string { return b.Cause }),
		column(list, func(b ReportedBlock) time.Time { return b.At.Stream }),
		column(list, func(b ReportedBlock) int64 { return int64(b.At.Sequence) }),
		column(list, func(b ReportedBlock) time.Time { return b.Since }),
		column(list, func(b ReportedBlock) time.Time { return b.MailedAt }))
	if err != nil {
		return fmt.Errorf("suppress addresses that were reported: %w", err)
	}
	return nil
}
