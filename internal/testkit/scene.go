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

// Scene is a broker with the pipeline's streams and a database with its schema, both of a test's own, and a firm that publishes
// there. What goes wrong in a method fails the test.
type Scene struct {
	TB          testing.TB
	Ctx         context.Context //nolint:containedctx // it lives exactly as long as the test
	NC          *nats.Conn
	JS          jetstream.JetStream
	DatabaseURL string
	DB          *pgxpool.Pool // to look at the tables
	Firm        string        // who publishes; "acme" unless a test says otherwise
}

// New is a scene on a broker that is stopped after the test.
func New(tb testing.TB) *Scene {
	tb.Helper()
	return On(tb, testenv.Broker(tb))
}

// On is a scene on a broker that the test itself starts and stops.
func On(tb testing.TB, nc *nats.Conn) *Scene {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit) //nolint:usetesting // t.Context ends before Cleanup stops the workers
	tb.Cleanup(cancel)
	s := &Scene{TB: tb, Ctx: ctx, NC: nc, DatabaseURL: testenv.Database(tb), Firm: "acme"}
	var err error
	s.DB, err = pgxpool.New(ctx, s.DatabaseURL)
	s.Must(err)
	tb.Cleanup(s.DB.Close)
	s.JS, err = jetstream.New(nc)
	s.Must(err)
	s.Must(events.Topology{}.Ensure(ctx, s.JS))
	return s
}

// Must fails the test for an error.
func (s *Scene) Must(err error) {
	s.TB.Helper()
	if err != nil {
		s.TB.Fatal(err)
	}
}

// Start runs a worker, or whatever else runs until its context ends, and returns how to stop it and wait for it. The end of the
// test does so as well. An error fails the test.
func (s *Scene) Start(run func(context.Context) error) (stop func()) {
	// As in production it has no deadline: the JetStream client's own time limits hold only where there is none.
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

// Exec changes what is on record, to make time pass for instance.
func (s *Scene) Exec(sql string, args ...any) {
	s.TB.Helper()
	_, err := s.DB.Exec(s.Ctx, sql, args...)
	s.Must(err)
}

// Query reads one value from the database.
func Query[T any](s *Scene, sql string, args ...any) T {
	s.TB.Helper()
	var value T
	s.Must(s.DB.QueryRow(s.Ctx, sql, args...).Scan(&value))
	return value
}
