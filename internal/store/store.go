package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

// ErrConflict says that another worker has just taken what this transaction was about to: a login, an access, an invite.
// What was read is out of date, so the transaction starts over and decides again.
var ErrConflict = errors.New("another worker was first; deciding again")

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
}

// Open prepares a pool of connections. It does not connect yet: see [Store.Ping].
func Open(ctx context.Context, databaseURL string, maxConns int32) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		// The parse error may quote the URL, and with it the password.
		return nil, errors.New("DATABASE_URL: can't be parsed (example: postgres://user:password@localhost:5432/portal_invites)")
	}
	cfg.MaxConns = max(cfg.MaxConns, maxConns)
	settings := cfg.ConnConfig.RuntimeParams
	settings["application_name"] = "portal-invites"
	// A worker that vanishes in the middle of a transaction must not hold its locks for longer than a lease lasts.
	settings["idle_in_transaction_session_timeout"] = "30000"
	// A page or a claim looks up some hundred rows by their keys. With the default of 4, made for disks that have to turn, the
	// planner would rather read the whole table, up to some ten thousand rows of it.
	settings["random_page_cost"] = "1.1"
	// Every statement reads some hundred rows at most. What the planner takes for expensive, because the tables are large, is not
	// worth starting processes or compiling for.
	settings["max_parallel_workers_per_gather"], settings["jit"] = "0", "off"
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // as bytes; without it they go as text, at three times the cost
		return nil
	}
	cfg.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) { return forgetPlans(ctx, conn) == nil, nil }
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection pool: %w", err)
	}
	return &Store{pool: pool}, nil
}

// keepPlans is for how long a connection goes by the same plans. A plan that was made while a table was empty goes by whatever index
// looked as good then; left alone, it would until the next autovacuum.
const keepPlans = time.Second

// plannedAt is where a connection knows since when it has kept its plans.
const plannedAt = "planned at"

// forgetPlans has a connection plan its statements anew if its plans are old.
func forgetPlans(ctx context.Context, conn *pgx.Conn) error {
	data, now := conn.PgConn().CustomData(), time.Now()
	if last, ok := data[plannedAt].(time.Time); ok && now.Sub(last) < keepPlans {
		return nil
	}
	data[plannedAt] = now
	_, err := conn.Exec(ctx, "DISCARD PLANS", pgx.QueryExecModeSimpleProtocol)
	return err
}

// Close ends every connection.
func (s *Store) Close() { s.pool.Close() }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Tx is one transaction. Its methods stand with their tables: see the package's comment.
type Tx struct {
	tx    pgx.Tx
	fresh map[uuid.UUID]bool // requests that this transaction has put on record: nobody else sees them, let alone deletes them
}

// maxTries is how often a transaction that lost a race starts over before its caller hears of it.
const maxTries = 20

// Tx runs fn in a transaction and commits. A transaction that loses a race (a deadlock, a serialization failure, an
// [ErrConflict]) is run again from the start, so fn must not keep anything from an earlier try.
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(&Tx{tx: tx}) })
		if err == nil || try == maxTries || !lostRace(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(try) * 5 * time.Millisecond)): // full jitter, so that the racers part
		}
	}
}

// Read runs fn in a transaction that writes nothing and sees the database as it is at its first query, however long it takes.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error { return fn(&Tx{tx: tx}) })
}

// SQLSTATE codes and classes (PostgreSQL documentation, appendix A).
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

func lostRace(err error) bool {
	if errors.Is(err, ErrConflict) {
		return true
	}
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == serializationFailure || pgErr.Code == deadlockDetected)
}

// Away says whether an error means that the database can't be reached or can't serve just now, so that the same work will
// succeed once it is back.
func Away(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code[:2] {
		case "08", "53", "57", "58": // connection, resources, operator intervention, system error
			return true
		case "25", "28", "3D": // idle timeout or read-only standby; rejected login; database does not exist (yet)
			return true
		default:
			return lostRace(err)
		}
	}
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	return errors.As(err, &connectErr) || errors.As(err, &netErr) || pgconn.SafeToRetry(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || isConnectionLoss(err)
}
