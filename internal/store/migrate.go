package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations holds the schema in the folder "migrations". Each file is one step, in goose's format.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Migrate brings the schema up to date: see [Migrator.Migrate].
func Migrate(ctx context.Context, databaseURL string) error {
	_, err := Migrator{URL: databaseURL, Waits: func(string, error) {}}.Migrate(ctx, 0)
	return err
}

// Migrator migrates the schema of one database.
type Migrator struct {
	URL string
	// Waits is called when the migration begins to wait, and each time that it still has to. The reason is for operators.
	// The error may be nil.
	Waits func(reason string, err error)
}

const (
	// lockFor is how long a migration waits for a lock that workers hold. As long as it waits, other transactions wait
	// behind it. So it gives up soon, lets them work, and tries again.
	lockFor = 2 * time.Second
	// restFor is how long the workers can work between two tries.
	restFor = 3 * time.Second
)

// Migrate brings the schema up to the migration with that number, or to the newest one for 0. It returns the migrations
// that the database lacked. Any number of processes may call it at the same time: one of them migrates under an
// advisory lock, and the others wait. Workers may go on beside it. If they hold a lock that a migration needs, it waits
// without a limit. If the schema is up to date, it needs only the right to read.
func (m Migrator) Migrate(ctx context.Context, to int64) ([]Migration, error) {
	pending, err := m.Pending(ctx, to)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	cfg, err := m.parse()
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	files, err := fs.Sub(Migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker{m.Waits}))
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations: %w", err)
	}
	for {
		_, err := provider.UpTo(ctx, pending[len(pending)-1].Version)
		if err == nil {
			return pending, nil
		}
		if !isLocked(err) || ctx.Err() != nil {
			return nil, fmt.Errorf("migrate the database: %w", err)
		}
		m.Waits(tableBusy(err), err)
		if err := rest(ctx, restFor); err != nil {
			return nil, err
		}
	}
}

// Pending returns the migrations up to a number, or all for 0, that the database lacks. It changes nothing.
func (m Migrator) Pending(ctx context.Context, to int64) ([]Migration, error) {
	known, err := Known()
	if err != nil {
		return nil, err
	}
	wanted := known
	if to != 0 {
		for len(wanted) > 0 && wanted[len(wanted)-1].Version != to {
			wanted = wanted[:len(wanted)-1]
		}
		if len(wanted) == 0 {
			return nil, fmt.Errorf("there is no migration %d; the newest is %d", to, known[len(known)-1].Version)
		}
	}
	cfg, err := m.parse()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database (DATABASE_URL): %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	applied, err := appliedMigrations(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	return without(wanted, applied), nil
}

func (m Migrator) parse() (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(m.URL)
	if err != nil {
		return nil, errUnparsable
	}
	cfg.RuntimeParams["application_name"] = "portal-invites migrate"
	cfg.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockFor.Milliseconds(), 10)
	return cfg, nil
}

// isLocked says whether a migration gave up because workers hold a lock that it needs. It may also have lost a
// deadlock, if it needs several. Nothing of it remains, so it can be tried again.
func isLocked(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == lockNotAvailable || pgErr.Code == deadlockDetected)
}

// MayNot says whether the database's user has no right to do that.
func MayNot(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == insufficientRights
}

func tableBusy(err error) string {
	which := "a migration"
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		which = fmt.Sprintf("migration %d", partial.Failed.Source.Version)
	}
	return which + " waits for a table that workers use; trying again until it is free"
}

// locker is the advisory lock that lets one process at a time migrate. Goose's own locker gives up after some minutes,
// and does not say that it waits.
type locker struct{ waits func(string, error) }

const (
	// lockID is the one that goose uses, since workers of older versions lock that.
	lockID    int64 = lock.DefaultLockID
	lockEvery       = 500 * time.Millisecond
	// reportEvery is how often the wait for another process is reported.
	reportEvery = time.Minute
)

// SessionLock waits for the lock.
func (l locker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var reported time.Time
	for {
		var locked bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, lockID).Scan(&locked); err != nil {
			return fmt.Errorf("lock the schema for a migration: %w", err)
		}
		if locked {
			return nil
		}
		if time.Since(reported) > reportEvery {
			l.waits("another process migrates the database; waiting until it is done", nil)
			reported = time.Now()
		}
		if err := rest(ctx, lockEvery); err != nil {
			return err
		}
	}
}

// SessionUnlock frees the lock.
func (l locker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, lockID); err != nil {
		return fmt.Errorf("free the lock of a migration: %w", err)
	}
	return nil
}

// rest waits for about d, between half of it and all of it, or until the context ends.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d/2 + rand.N(d/2)):
		return nil
	}
}
