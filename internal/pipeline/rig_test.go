package pipeline

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// rig is a broker, a database and a mailbox of a test's own, and whatever workers it starts. say_test.go publishes into it,
// dashboard_test.go reads what comes out, audit_test.go looks at what must always hold.
type rig struct {
	t       testing.TB
	ctx     context.Context //nolint:containedctx // it lives exactly as long as the test
	url     string          // DATABASE_URL
	store   *store.Store
	db      *pgxpool.Pool // to look at the tables
	nc      *nats.Conn
	js      jetstream.JetStream
	mailbox *testenv.Mailbox
	keys    link.Keyring
	log     *logBuffer
}

const firm = "acme"

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return newRigOn(tb, testenv.Broker(tb))
}

// newRigOn is a rig on a broker that the test itself starts and stops.
func newRigOn(tb testing.TB, nc *nats.Conn) *rig {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) //nolint:usetesting // t.Context ends before Cleanup stops the workers
	tb.Cleanup(cancel)
	r := &rig{t: tb, ctx: ctx, url: testenv.Database(tb), nc: nc, mailbox: testenv.NewMailbox(tb), log: &logBuffer{}}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Log(r.log.String())
		}
	})
	var err error
	r.store, err = store.Open(ctx, r.url, 20)
	r.must(err)
	tb.Cleanup(r.store.Close)
	r.db, err = pgxpool.New(ctx, r.url)
	r.must(err)
	tb.Cleanup(r.db.Close)
	r.js, err = jetstream.New(r.nc)
	r.must(err)
	r.keys, err = link.ParseKeyring(link.NewKey())
	r.must(err)
	r.must(events.Topology{}.Ensure(ctx, r.js))
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) config() Config {
	host, port, err := net.SplitHostPort(r.mailbox.Addr())
	r.must(err)
	number, err := strconv.Atoi(port)
	r.must(err)
	return Config{
		Store: r.store, JS: r.js, Log: zerolog.New(r.log).Level(zerolog.InfoLevel), Keys: r.keys, Connections: 2,
		SMTP: smtp.Config{Host: host, Port: number, From: "portal@mail.example", TLS: smtp.TLSNone, HelloName: "test.example"},
	}
}

// start runs a worker until the test ends, or until the function it returns is called.
func (r *rig) start(w *Worker) (stop func()) {
	// As in production it has no deadline: the JetStream client's own time limits hold only where there is none.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("worker stopped: %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) startBoth() {
	r.start(NewInviteWorker(r.config()))
	r.start(NewBulkWorker(r.config()))
}

// logBuffer keeps what workers say, for a test to read and for the report of one that failed.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines counts the lines that have all of these parts in them.
func (l *logBuffer) lines(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			n++
		}
	}
	return n
}

// age changes what is on record, to make time pass.
func (r *rig) age(sql string) {
	r.t.Helper()
	_, err := r.db.Exec(r.ctx, sql)
	r.must(err)
}
