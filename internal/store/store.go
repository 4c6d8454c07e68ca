package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

// ErrConflict says that another worker has just changed what this transaction was about to change: a login, an access,
// an invite. What this transaction has read is out of date, so it starts over and decides again (ADR 5).
var ErrConflict = errors.New("another worker was first; deciding again")

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// errUnparsable takes the place of the parse error, which may quote the URL, and with it the password.
var errUnparsable = errors.New("DATABASE_URL: can't be parsed " +
	"(example: postgres://user:password@localhost:5432/portal_invites)")

// Store is the database. Several goroutines may use it at once: its fields are set by [Open] and never change, and the
// pool locks for itself.
type Store struct {
	pool      *pgxpool.Pool
	firstIdle time.Duration // how long the first try of a transaction may do nothing
	// erasureKey is the key of the names of erased people, once it was read. It never changes.
	erasureKey atomic.Pointer[[]byte]
}

// Open prepares a pool of connections. It does not connect yet: see [Store.Ping].
func Open(ctx context.Context, databaseURL string, maxConns int32) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, errUnparsable
	}
	cfg.MaxConns = max(cfg.MaxConns, maxConns)
	settings := cfg.ConnConfig.RuntimeParams
	settings["application_name"] = "portal-invites"
	// A page or a claim looks up some hundred rows by their keys. The default of 4 is for disks that turn: with it, the
	// planner reads a whole table of up to some ten thousand rows instead (ADR 56).
	settings["random_page_cost"] = "1.1"
	// Every statement reads some hundred rows at most. The planner estimates a high cost because the tables are large.
	// That is no reason to start processes or a compiler.
	settings["max_parallel_workers_per_gather"], settings["jit"] = "0", "off"
	limitSilence(cfg)
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // ids go as bytes (ADR 59); as text they cost three times as much
		return nil
	}
	cfg.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) { return forgetPlans(ctx, conn) == nil, nil }
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection pool: %w", err)
	}
	return &Store{pool: pool, firstIdle: firstIdleFor}, nil
}

// keepPlans is how long a connection reuses its query plans. A plan that was made while a table was empty may use an
// unsuitable index. Without this limit, the connection would use that plan until the next autovacuum (ADR 18).
const keepPlans = time.Second

// plannedAt is the key in a connection's custom data for the time since when it has kept its plans. Only the goroutine
// that has the connection uses that data.
const plannedAt = "planned at"

// forgetPlans discards a connection's query plans if they are older than [keepPlans].
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

// Tx is one transaction. Its methods are in the files of their tables: see the package's comment. One goroutine uses
// it.
type Tx struct {
	tx    pgx.Tx
	store *Store
	// fresh are the requests that this transaction has inserted. No other transaction can see them, so none can delete
	// them.
	fresh map[uuid.UUID]bool
	// recovered is what [Tx.LoadReservations] has read of recovered outcomes, by invite.
	recovered map[uuid.UUID][]RecoveredOutcome
}

// maxTries is how often a transaction that lost a race is run before its caller gets the error.
const maxTries = 20

// Tx runs fn in a transaction and commits. A transaction that loses a race (a deadlock, a serialization failure, an
// [ErrConflict]) is run again from the start, so fn must not keep anything from an earlier try (ADR 5). So is one in
// which fn did nothing for too long: it may have been paused, and others need what it had locked ([Tx.Patient]).
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	return s.run(ctx, besideErasures, fn)
}

// TxAlone is [Store.Tx] while no other of these transactions runs. Only one that erases a person needs that (ADR 171).
func (s *Store) TxAlone(ctx context.Context, fn func(*Tx) error) error {
	return s.run(ctx, asErasure, fn)
}

func (s *Store) run(ctx context.Context, lock string, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: s.begin(try, lock)}, func(tx pgx.Tx) error {
			return fn(&Tx{tx: tx, store: s})
		})
		if err == nil || try == maxTries || !lostRace(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(try) * 5 * time.Millisecond)): // full jitter, or they would race again
		}
	}
}

// Read runs fn in a transaction that writes nothing. All its queries see the database as the first one saw it, however
// long fn takes.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error { return fn(&Tx{tx: tx, store: s}) })
}

// SQLSTATE codes and classes (PostgreSQL documentation, appendix A).
const (
	uniqueViolation      = "23505"
	cardinalityViolation = "21000"
	undefinedTable       = "42P01"
	insufficientRights   = "42501"
	lockNotAvailable     = "55P03"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	idleForTooLong       = "25P03"
)

// lostRaces are errors of transactions that have changed nothing, and that may succeed when they are run again.
// A wait for a row of statuses ends as [lockNotAvailable] before it can be a deadlock (ADR 156).
var lostRaces = []string{serializationFailure, deadlockDetected, idleForTooLong, lockNotAvailable}

func lostRace(err error) bool {
	if errors.Is(err, ErrConflict) {
		return true
	}
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && slices.Contains(lostRaces, pgErr.Code)
}

// Away says whether an error means that the database can't be reached or can't serve just now, that the worker has not
// renewed its lease yet, or that the database went back. The same work will succeed once that is over.
func Away(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // nothing was asked yet, so no event is at fault, whatever the server's code is
	}
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
	var netErr net.Error
	return errors.Is(err, ErrLeaseEnded) || errors.Is(err, ErrWentBack) || errors.Is(err, ErrOtherDatabase) ||
		errors.As(err, &netErr) || pgconn.SafeToRetry(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || isConnectionLoss(err)
}
