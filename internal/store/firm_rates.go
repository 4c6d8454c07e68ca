package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// lateFirms is an array of the firms whose next mail of a lane ($1) must not leave at $2, in SQL: they have sent as
// many in an hour as they may (ADR 153). A statement computes it once.
const lateFirms = `ARRAY(
	SELECT firm_id FROM firm_rates WHERE $1 = 'bulk' AND bulk_at > $2
	UNION ALL SELECT firm_id FROM firm_rates WHERE $1 <> 'bulk' AND individual_at > $2)`

// RateCount is what a firm has sent lately.
type RateCount struct {
	FirmID       string
	Version      int64 // 0: there is no row yet
	Rate         rules.FirmRate
	IndividualAt time.Time // when the next individual mail may leave
	BulkAt       time.Time // when the next mail of a run or a reminder may leave
}

const rateColumns = `firm_id, version, rate, individual_at, bulk_at`

func scanRate(row pgx.CollectableRow) (c RateCount, err error) {
	var rate []byte
	if err = row.Scan(&c.FirmID, &c.Version, &rate, &c.IndividualAt, &c.BulkAt); err == nil {
		err = json.Unmarshal(rate, &c.Rate)
	}
	return c, err
}

// queueRates reads what firms have sent lately.
func queueRates(batch *pgx.Batch, firms []string, found map[string]RateCount) {
	if len(firms) == 0 {
		return
	}
	batch.Queue(`SELECT `+rateColumns+` FROM firm_rates WHERE firm_id = ANY ($1)`, firms).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanRate)
			for _, c := range list {
				found[c.FirmID] = c
			}
			return err
		})
}

// RateOf reads what a firm has sent lately; the zero value if nothing is on record.
func (s *Store) RateOf(ctx context.Context, firm string) (RateCount, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+rateColumns+` FROM firm_rates WHERE firm_id = $1`, firm)
	if err != nil {
		return RateCount{}, fmt.Errorf("read what a firm has sent: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRate)
	if err != nil || len(list) == 0 {
		return RateCount{}, err
	}
	return list[0], nil
}

// SaveRates writes what firms have sent. It returns [ErrConflict] as [Tx.SaveMailCounts] does.
func (t *Tx) SaveRates(ctx context.Context, rates []RateCount) error {
	if len(rates) == 0 {
		return nil
	}
	rates = sorted(rates, func(a, b RateCount) int { return cmp.Compare(a.FirmID, b.FirmID) })
	encoded, err := encodeAll(rates, func(c RateCount) any { return c.Rate })
	if err != nil {
		return err
	}
	var tag pgconn.CommandTag
	tag, err = t.tx.Exec(ctx, `
		INSERT INTO firm_rates AS old (`+rateColumns+`, until)
		SELECT firm_id, version + 1, rate, individual_at, bulk_at, until
		FROM unnest($1::text[], $2::bigint[], $3::jsonb[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
			AS new (firm_id, version, rate, individual_at, bulk_at, until)
		ON CONFLICT (firm_id) DO UPDATE SET version = excluded.version, rate = excluded.rate,
			individual_at = excluded.individual_at, bulk_at = excluded.bulk_at, until = excluded.until
		WHERE old.version = excluded.version - 1`,
		column(rates, func(c RateCount) string { return c.FirmID }),
		column(rates, func(c RateCount) int64 { return c.Version }), encoded,
		column(rates, func(c RateCount) time.Time { return c.IndividualAt }),
		column(rates, func(c RateCount) time.Time { return c.BulkAt }),
		column(rates, func(c RateCount) time.Time { return c.Rate.Until() }))
	return wrote(tag.RowsAffected(), len(rates), "count the mails of firms", err)
}

// LimitsOf reads a firm's own limits; the zero value if it has none, or is not known.
func (s *Store) LimitsOf(ctx context.Context, firm string) (limits rules.Limits, err error) {
	var encoded []byte
	err = s.pool.QueryRow(ctx, `SELECT coalesce((SELECT limits FROM firms WHERE firm_id = $1), '{}')`, firm).Scan(&encoded)
	if err == nil {
		err = json.Unmarshal(encoded, &limits)
	}
	if err != nil {
		return limits, fmt.Errorf("read the limits of a firm: %w", err)
	}
	return limits, nil
}
