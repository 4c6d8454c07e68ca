package rig

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Database is a database of the private server.
type Database struct {
	Name string
	URL  string // has the password
	Pool *pgxpool.Pool
	rig  *Rig
}

// urlOf returns the DATABASE_URL of a database.
func (r *Rig) urlOf(name string) string {
	u, err := url.Parse(r.postgres.URL())
	if err != nil {
		panic(err) // our own code made the URL
	}
	u.Path = "/" + name
	return u.String()
}

// NewDatabase creates a database: an empty one, or a copy of a template without connections. It drops an older database
// of that name. It ends with a checkpoint, so that each round begins with nothing left to write, and it forgets the
// plans that were gathered before.
func (r *Rig) NewDatabase(ctx context.Context, name, template string) (*Database, error) {
	drop := "DROP DATABASE IF EXISTS " + pgx.Identifier{name}.Sanitize() + " WITH (FORCE)"
	create := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		create += " TEMPLATE " + pgx.Identifier{template}.Sanitize() + r.copyStrategy(ctx)
	}
	for _, sql := range []string{drop, create, "CHECKPOINT"} {
		if _, err := r.admin.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("create database %s: %w", name, err)
		}
	}
	r.plans.take()
	d := &Database{Name: name, URL: r.urlOf(name), rig: r}
	var err error
	if d.Pool, err = pgxpool.New(ctx, d.URL); err != nil {
		return nil, fmt.Errorf("connect to database %s: %w", name, err)
	}
	return d, nil
}

// copyStrategy returns the option to copy a template's files. Since PostgreSQL 15, the default is to write the whole
// copy to the WAL instead.
func (r *Rig) copyStrategy(ctx context.Context) string {
	var version int
	_ = r.admin.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version)
	if version < 150000 {
		return ""
	}
	return " STRATEGY FILE_COPY"
}

// Close closes our connections, so that the database can be a template.
func (d *Database) Close() { d.Pool.Close() }

// Drop drops the database.
func (d *Database) Drop(ctx context.Context) error {
	d.Close()
	if _, err := d.rig.admin.Exec(ctx, "DROP DATABASE "+pgx.Identifier{d.Name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", d.Name, err)
	}
	return nil
}

// Count returns the only number that a query returns.
func (d *Database) Count(ctx context.Context, sql string, args ...any) (int, error) {
	var n int
	if err := d.Pool.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count in database %s: %w", d.Name, err)
	}
	return n, nil
}

// wal returns the position in the server's WAL, in bytes.
func (r *Rig) wal(ctx context.Context) int64 {
	var bytes int64
	_ = r.admin.QueryRow(ctx, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&bytes)
	return bytes
}
