package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Read runs fn in a transaction that writes nothing and sees the database as it is at its first query, however long it takes.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error { return fn(&Tx{tx: tx}) })
}

// collect reads every row of a query; what it was after stands in its error.
func collect[T any](ctx context.Context, t *Tx, what string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := t.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}
