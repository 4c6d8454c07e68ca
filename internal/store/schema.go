package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SchemaBehindError says that the database lacks migrations that this program needs.
type SchemaBehindError struct{ Missing []Migration }

func (e SchemaBehindError) Error() string {
	return fmt.Sprintf("the database's schema lacks %s: run \"invite-worker migrate\" as the owner of the schema",
		list(e.Missing))
}

func list(migrations []Migration) string {
	if len(migrations) == 0 {
		return "no migration"
	}
	first, last := migrations[0], migrations[len(migrations)-1]
	if len(migrations) == 1 {
		return fmt.Sprintf("migration %d", first.Version)
	}
	return fmt.Sprintf("%d migrations, %d to %d", len(migrations), first.Version, last.Version)
}

// SchemaAheadError says that the database has a migration that this program must know and does not (ADR 96).
type SchemaAheadError struct {
	Least int64 // the migration that a worker must know
	Knows int64 // the newest migration that this program knows
}

func (e SchemaAheadError) Error() string {
	return fmt.Sprintf("the database's schema is for newer workers: they must know migration %d, and this worker knows "+
		"only %d; start a newer version of the worker", e.Least, e.Knows)
}

// CheckSchema returns nil if this program may run on the database's schema. Otherwise it returns a [SchemaAheadError],
// a [SchemaBehindError], or why the database can't be read. It needs no rights but to read two tables.
func (s *Store) CheckSchema(ctx context.Context) error {
	known, err := Known()
	if err != nil {
		return err
	}
	least, err := leastWorker(ctx, s.pool)
	if err != nil {
		return fmt.Errorf("read which workers may run on the schema: %w", err)
	}
	if newest := known[len(known)-1].Version; newest < least {
		return SchemaAheadError{Least: least, Knows: newest}
	}
	applied, err := appliedMigrations(ctx, s.pool)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if missing := without(known, applied); len(missing) > 0 {
		return SchemaBehindError{missing}
	}
	return nil
}

// queryer is a connection or a pool.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// leastWorker returns the migration that a worker must know, or 0.
func leastWorker(ctx context.Context, db queryer) (least int64, err error) {
	err = db.QueryRow(ctx, `SELECT coalesce(max(least_worker), 0) FROM migrations`).Scan(&least)
	if isUndefinedTable(err) {
		return 0, nil // the schema is older than the table
	}
	return least, err
}

// appliedMigrations reads goose's own table. It does not create the table, so that it needs no rights for that.
func appliedMigrations(ctx context.Context, db queryer) ([]int64, error) {
	rows, _ := db.Query(ctx, `SELECT version_id FROM goose_db_version WHERE is_applied`) // CollectRows has the error
	applied, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if isUndefinedTable(err) {
		return nil, nil // the database is empty
	}
	return applied, err
}

func without(migrations []Migration, applied []int64) []Migration {
	isApplied := func(m Migration) bool { return slices.Contains(applied, m.Version) }
	return slices.DeleteFunc(slices.Clone(migrations), isApplied)
}

func isUndefinedTable(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == undefinedTable
}

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string // of its file, such as 00017_held_at.sql
	Why     string // the first sentence of its comment
	SQL     string // what it does, without the way back
}

// Known returns the migrations that this program has, the oldest first. There is at least one.
func Known() ([]Migration, error) {
	const folder = "migrations"
	entries, err := Migrations.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	known := make([]Migration, len(entries))
	for i, entry := range entries { // ReadDir sorts them by name, and so by number
		content, err := Migrations.ReadFile(folder + "/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read a migration: %w", err)
		}
		if known[i], err = readMigration(entry.Name(), string(content)); err != nil {
			return nil, err
		}
	}
	return known, nil
}

func readMigration(name, content string) (Migration, error) {
	m := Migration{Name: name}
	if _, err := fmt.Sscanf(name, "%d_", &m.Version); err != nil {
		return m, fmt.Errorf("the migration %s has no number: %w", name, err)
	}
	comment, rest, _ := strings.Cut(content, "-- +goose Up\n")
	up, _, ok := strings.Cut(rest, "-- +goose Down")
	if !ok {
		return m, fmt.Errorf("the migration %s lacks the lines \"-- +goose Up\" and \"-- +goose Down\"", name)
	}
	words := strings.Fields(strings.ReplaceAll("\n"+comment, "\n-- ", " "))
	first, _, _ := strings.Cut(strings.Join(words, " ")+" ", ". ")
	m.Why, m.SQL = strings.TrimSuffix(strings.TrimSpace(first), "."), strings.TrimSpace(up)
	return m, nil
}
