package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// collect reads every row of a query. what says in an error what the query was for.
func collect[T any](
	ctx context.Context, t *Tx, what string, scan pgx.RowToFunc[T], sql string, args ...any,
) ([]T, error) {
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

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// column takes one value of every element, as an array for unnest.
func column[T, V any](list []T, value func(T) V) []V {
	values := make([]V, len(list))
	for i, element := range list {
		values[i] = value(element)
	}
	return values
}

// texts turns a list of named strings into an array for Postgres. An empty list becomes NULL.
func texts[T ~string](list []T) []string {
	if len(list) == 0 {
		return nil
	}
	return column(list, func(v T) string { return string(v) })
}

// sorted returns a copy in the order of compare. Rows are always written in the order of their keys: two batches that
// write the same rows in opposite orders would deadlock.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

// wrote returns an ErrConflict if a statement wrote fewer rows than it was given. Each row names the state that was
// read; a row that did not match has changed since.
func wrote(rows int64, want int, what string, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case rows != int64(want):
		return fmt.Errorf("%s: %d of %d: %w", what, rows, want, ErrConflict)
	default:
		return nil
	}
}

// validText replaces what a text column can't hold: invalid UTF-8 and zero bytes. Dead letters and operators' notes may
// contain anything.
func validText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// afterColumns is a row that has other columns before those of an invite.
type afterColumns struct {
	pgx.CollectableRow
	before []any
}

func (r afterColumns) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append(r.before, dest...)...)
}
