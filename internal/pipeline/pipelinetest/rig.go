// Package pipelinetest starts whole workers for tests, and checks what must hold for any pipeline. Only tests import
// it.
package pipelinetest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/link"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// Rig is a scene with a mailbox, and with the workers that a test starts.
type Rig struct {
	*testkit.Scene
	Store   *store.Store
	Mailbox *testenv.Mailbox
	Others  []*testenv.Mailbox // of other senders
	Keys    link.Keyring
	Log     *testkit.Log // the log of the workers
}

// New makes a rig on a broker that is stopped after the test.
func New(tb testing.TB) *Rig {
	tb.Helper()
	return On(tb, testenv.Broker(tb))
}

// On makes a rig on a broker that the test itself starts and stops.
func On(tb testing.TB, nc *nats.Conn) *Rig {
	tb.Helper()
	return OnDatabase(tb, nc, testenv.Database(tb))
}

// OnDatabase is [On] with a database that the test itself has made.
func OnDatabase(tb testing.TB, nc *nats.Conn, databaseURL string) *Rig {
	tb.Helper()
	r := &Rig{Scene: testkit.OnDatabase(tb, nc, databaseURL), Mailbox: testenv.NewMailbox(tb), Log: &testkit.Log{}}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Log(r.Log.String())
		}
	})
	var err error
	r.Store, err = store.Open(r.Ctx, r.DatabaseURL, 20)
	r.Must(err)
	tb.Cleanup(r.Store.Close)
	r.Keys, err = link.ParseKeyring(link.NewKey())
	r.Must(err)
	return r
}

// In returns the rig for a subtest.
func (r *Rig) In(t *testing.T) *Rig {
	t.Helper()
	sub, scene := *r, *r.Scene
	scene.TB = t
	sub.Scene = &scene
	return &sub
}

// Config is the configuration of workers that send mails to the rig's mailbox.
func (r *Rig) Config() pipeline.Config {
	r.TB.Helper()
	host, port := testenv.SplitAddress(r.TB, r.Mailbox.Addr())
	return pipeline.Config{
		Store: r.Store, JS: r.JS, Log: zerolog.New(r.Log).Level(zerolog.InfoLevel), Keys: r.Keys, Connections: 2,
		SMTP: smtp.Config{Host: host, Port: port, From: "portal@mail.example", TLS: smtp.TLSNone, HelloName: "test.example"},

		ProgressEvery: 100 * time.Millisecond, // so that no test waits long for a RunRevised
	}
}

// StartWorker runs a worker until the test ends, or until stop is called.
func (r *Rig) StartWorker(w *pipeline.Worker) (stop func()) {
	r.TB.Helper()
	return r.Start(w.Run)
}

// StartInvites runs an invite-worker. See [Rig.StartWorker].
func (r *Rig) StartInvites() (stop func()) {
	r.TB.Helper()
	return r.StartWorker(pipeline.NewInviteWorker(r.Config()))
}

// StartBulk runs a bulk-worker. See [Rig.StartWorker].
func (r *Rig) StartBulk() (stop func()) {
	r.TB.Helper()
	return r.StartWorker(pipeline.NewBulkWorker(r.Config()))
}

// StartBoth runs one worker of each lane until the test ends.
func (r *Rig) StartBoth() {
	r.TB.Helper()
	r.StartInvites()
	r.StartBulk()
}
