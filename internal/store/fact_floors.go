package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// FactFloor returns the position up to which every fact of a firm is applied, as far as the ledger knows. It is zero if
// the ledger knows nothing. The acknowledgements of the facts durable may say more.
func (s *Store) FactFloor(ctx context.Context, firmID string) (floor Position, err error) {
	var sequence int64
	err = s.pool.QueryRow(ctx, `SELECT stream, sequence FROM fact_floors WHERE firm_id = $1`, firmID).
		Scan(&floor.Stream, &sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		return Position{}, nil
	}
	if err != nil {
		return Position{}, fmt.Errorf("read how far the facts of a firm are applied: %w", err)
	}
	floor.Sequence = uint64(sequence)
	return floor, nil
}

// RaiseFactFloors locks the floors of firms until the transaction ends, raises them, and returns them as they were. A
// floor that is higher stays. The transaction must apply every fact of each firm between the two.
func (t *Tx) RaiseFactFloors(ctx context.Context, to map[string]Position) (map[string]Position, error) {
	firms := slices.Sorted(maps.Keys(to)) // in the order of their keys, as all rows are locked
	before := make(map[string]Position, len(firms))
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO fact_floors (firm_id, stream, sequence)
		SELECT firm_id, '0001-01-01Z', 0 FROM unnest($1::text[]) WITH ORDINALITY AS firms (firm_id, n) ORDER BY n
		ON CONFLICT DO NOTHING`, firms)
	batch.Queue(`
		SELECT firm_id, stream, sequence FROM fact_floors WHERE firm_id = ANY ($1) ORDER BY firm_id FOR UPDATE`, firms,
	).Query(func(rows pgx.Rows) error {
		var firm string
		var stream time.Time
		var sequence int64
		_, err := pgx.ForEachRow(rows, []any{&firm, &stream, &sequence}, func() error {
			before[firm] = Position{Stream: stream, Sequence: uint64(sequence)}
			return nil
		})
		return err
	})
	batch.Queue(`
		UPDATE fact_floors f SET stream = n.stream, sequence = n.sequence
		FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS n (firm_id, stream, sequence)
		WHERE f.firm_id = n.firm_id AND (f.stream, f.sequence) < (n.stream, n.sequence)`, firms,
		column(firms, func(firm string) time.Time { return to[firm].Stream }),
		column(firms, func(firm string) int64 { return int64(to[firm].Sequence) }))
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("raise the floors of facts: %w", err)
	}
	return before, nil
}
