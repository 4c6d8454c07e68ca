package pipeline

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"portal-invites/internal/link"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// rig is a broker, a database and a mailbox of a test's own, and whatever workers it starts. say_test.go publishes into it
// and reads what comes out, audit_test.go looks at what must always hold.
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
	log     *testkit.Log
}

const firm = "acme"

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return newRigOn(tb, testenv.Broker(tb))
}

// newRigOn is a rig on a broker that the test itself starts and stops.
func newRigOn(tb testing.TB, nc *nats.Conn) *rig {
	tb.Helper()
	s := testkit.On(tb, nc)
	r := &rig{
		t: tb, ctx: s.Ctx, url: s.DatabaseURL, db: s.DB, nc: s.NC, js: s.JS, mailbox: testenv.NewMailbox(tb), log: &testkit.Log{},
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Log(r.log.String())
		}
	})
	var err error
	r.store, err = store.Open(r.ctx, r.url, 20)
	r.must(err)
	tb.Cleanup(r.store.Close)
	r.keys, err = link.ParseKeyring(link.NewKey())
	r.must(err)
	return r
}

// scene is the rig as the test kit knows it. say_test.go gives what it can do short names.
func (r *rig) scene() *testkit.Scene {
	return &testkit.Scene{TB: r.t, Ctx: r.ctx, NC: r.nc, JS: r.js, DatabaseURL: r.url, DB: r.db, Firm: firm}
}

func (r *rig) must(err error) {
	r.t.Helper()
	r.scene().Must(err)
}

func (r *rig) config() Config {
	host, port := testenv.SplitAddress(r.t, r.mailbox.Addr())
	return Config{
		Store: r.store, JS: r.js, Log: zerolog.New(r.log).Level(zerolog.InfoLevel), Keys: r.keys, Connections: 2,
		SMTP: smtp.Config{Host: host, Port: port, From: "portal@mail.example", TLS: smtp.TLSNone, HelloName: "test.example"},
	}
}

// start runs a worker until the test ends, or until the function it returns is called.
func (r *rig) start(w *Worker) (stop func()) { return r.scene().Start(w.Run) }

func (r *rig) startBoth() {
	r.start(NewInviteWorker(r.config()))
	r.start(NewBulkWorker(r.config()))
}
