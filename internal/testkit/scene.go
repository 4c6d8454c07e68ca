package testkit

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// limit is longer than any test takes that does not hang.
const limit = 8 * time.Minute

// Scene is a test's own broker with the pipeline's streams, its own database with the schema, and a firm that publishes
// events. An error in a method fails the test. The fields do not change once a worker is started.
type Scene struct {
	TB          testing.TB
	Ctx         context.Context //nolint:containedctx // it lives exactly as long as the test
	NC          *nats.Conn
	JS          jetstream.JetStream
	DatabaseURL string
	DB          *pgxpool.Pool // to look at the tables
	Firm        string        // the firm that publishes; "acme" unless a test changes it
}

// New returns a scene on a broker that is stopped after the test.
func New(tb testing.TB) *Scene {
	tb.Helper()
	return On(tb, testenv.Broker(tb))
}

// On returns a scene on a broker that the test itself starts and stops.
func On(tb testing.TB, nc *nats.Conn) *Scene {
	tb.Helper()
	return OnDatabase(tb, nc, testenv.Database(tb))
}

// OnDatabase is [On] with a database that the test itself has made.
func OnDatabase(tb testing.TB, nc *nats.Conn, databaseURL string) *Scene {
	tb.Helper()
	//nolint:usetesting // t.Context ends before Cleanup stops the workers
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	tb.Cleanup(cancel)
	s := &Scene{TB: tb, Ctx: ctx, NC: nc, DatabaseURL: databaseURL, Firm: "acme"}
	var err error
	s.DB, err = pgxpool.New(ctx, s.DatabaseURL)
	s.Must(err)
	tb.Cleanup(s.DB.Close)
	s.JS, err = jetstream.New(nc)
	s.Must(err)
	s.Must(events.Topology{}.Ensure(ctx, s.JS))
	return s
}

// Must fails the test if there is an error.
func (s *Scene) Must(err error) {
	s.TB.Helper()
	if err != nil {
		s.TB.Fatal(err)
	}
}

// Start runs a worker, or anything else that runs until its context ends. It returns a function that stops it and waits
// for its end. The end of the test does the same. An error fails the test.
func (s *Scene) Start(run func(context.Context) error) (stop func()) {
	// The context has no deadline, as in production: with one, the JetStream client does not use its own time limits.
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Ctx))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.TB.Errorf("stopped with: %v", err)
		}
	})
	s.TB.Cleanup(stop)
	return stop
}

// Exec changes rows of the database, for example to make time pass.
func (s *Scene) Exec(sql string, args ...any) {
	s.TB.Helper()
	_, err := s.DB.Exec(s.Ctx, sql, args...)
	s.Must(err)
}

// LedgerNow stops the database's clock at a time, for everything that the ledger writes and compares. Leases go on by
// the real time.
func (s *Scene) LedgerNow(at time.Time) {
	s.TB.Helper()
	s.Exec(`CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
		RETURN timestamptz '` + at.UTC().Format(time.RFC3339Nano) + `'`)
}

// Query reads one value from the database.
func Query[T any](s *Scene, sql string, args ...any) T {
	s.TB.Helper()
	var value T
	s.Must(s.DB.QueryRow(s.Ctx, sql, args...).Scan(&value))
	return value
}
