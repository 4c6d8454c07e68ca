package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

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

// texts is a list of named strings as Postgres takes it, and NULL for none.
func texts[T ~string](list []T) []string {
	if len(list) == 0 {
		return nil
	}
	return column(list, func(v T) string { return string(v) })
}

// sorted is a copy in the order of compare. Rows are always written in key order: two batches that touch the same rows in
// opposite orders would deadlock.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, compare)
	return list
}

// wrote turns a statement that wrote fewer rows than it was given into an ErrConflict: each row carried what was read, and
// the rows that did not match have changed since.
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

// validText makes anything fit for a text column: what ended here may be anything.
func validText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// afterColumns is a row with more columns before those of an invite.
type afterColumns struct {
	pgx.CollectableRow
	before []any
}

func (r afterColumns) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append(r.before, dest...)...)
}
