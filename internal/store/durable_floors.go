package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// KeepDurableFloors notes up to where each durable has been acknowledged. An acknowledgement follows the commit, so
// everything up to there is in this database, and in every backup of it that has the note (ADR 107).
func (t *Tx) KeepDurableFloors(ctx context.Context, stream time.Time, floors map[string]uint64) error {
	names := slices.Sorted(maps.Keys(floors))
	sequences := column(names, func(name string) int64 { return int64(floors[name]) })
	_, err := t.tx.Exec(ctx, `
		INSERT INTO durable_floors AS old (created, durable, sequence)
		SELECT $1, * FROM unnest($2::text[], $3::bigint[])
		ON CONFLICT (created, durable) DO UPDATE SET sequence = excluded.sequence
		WHERE old.sequence <> excluded.sequence`, stream, names, sequences)
	if err != nil {
		return fmt.Errorf("keep how far the durables are: %w", err)
	}
	return nil
}

// DurableFloors returns what [Tx.KeepDurableFloors] has noted last, by the durables' names.
func (t *Tx) DurableFloors(ctx context.Context, stream time.Time) (map[string]uint64, error) {
	rows, err := t.tx.Query(ctx, `SELECT durable, sequence FROM durable_floors WHERE created = $1`, stream)
	if err != nil {
		return nil, fmt.Errorf("read how far the durables are: %w", err)
	}
	floors := map[string]uint64{}
	var name string
	var sequence int64
	_, err = pgx.ForEachRow(rows, []any{&name, &sequence}, func() error { floors[name] = uint64(sequence); return nil })
	if err != nil {
		return nil, fmt.Errorf("read how far the durables are: %w", err)
	}
	return floors, nil
}

// writePlaces writes up to where the durables with these names have handled what they get.
func (t *Tx) writePlaces(ctx context.Context, stream time.Time, names []string, places []int64) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE durable_floors f SET place = p.place, place_at = now()
		FROM unnest($2::text[], $3::bigint[]) AS p (durable, place) WHERE f.created = $1 AND f.durable = p.durable`,
		stream, names, places)
	if err != nil {
		return fmt.Errorf("keep what the durables have handled: %w", err)
	}
	return nil
}
