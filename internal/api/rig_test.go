package api

import (
	"context"
	"errors"
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
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// rig is a pipeline with its services. Its broker, database and mailbox belong to one test.
type rig struct {
	t       testing.TB
	ctx     context.Context //nolint:containedctx // it lives exactly as long as the test
	nc      *nats.Conn
	js      jetstream.JetStream
	db      *pgxpool.Pool // for looking at the tables
	mailbox *testenv.Mailbox
	keys    link.Keyring
	client  Client
	url     string

	onUnknown pipeline.OnUnknown // the setting of the workers that the rig starts
}

const acme = "acme"

func newRig(tb testing.TB) *rig {
	tb.Helper()
	s := testkit.New(tb)
	keys, err := link.ParseKeyring(link.NewKey())
	s.Must(err)
	return &rig{
		t: tb, ctx: s.Ctx, nc: s.NC, js: s.JS, db: s.DB, url: s.DatabaseURL,
		mailbox: testenv.NewMailbox(tb), keys: keys, client: NewClient(s.NC),
	}
}

// scene is the rig in the test kit's form.
func (r *rig) scene() *testkit.Scene {
	return &testkit.Scene{TB: r.t, Ctx: r.ctx, NC: r.nc, JS: r.js, DatabaseURL: r.url, DB: r.db, Firm: acme}
}

func (r *rig) must(err error) {
	r.t.Helper()
	r.scene().Must(err)
}

// start runs both workers with their services, until the test ends or stop is called.
func (r *rig) start() (stop func()) {
	r.t.Helper()
	stopInvites, stopBulk := r.serve(pipeline.NewInviteWorker), r.serve(pipeline.NewBulkWorker)
	return func() { stopInvites(); stopBulk() }
}

// serve runs one worker and the service beside it, as a process does.
func (r *rig) serve(newWorker func(pipeline.Config) *pipeline.Worker) (stop func()) {
	r.t.Helper()
	work, err := store.Open(r.ctx, r.url, 10)
	r.must(err)
	reads, err := store.Open(r.ctx, r.url, 4)
	r.must(err)
	host, port := testenv.SplitAddress(r.t, r.mailbox.Addr())
	log := zerolog.New(zerolog.NewTestWriter(r.t)).Level(zerolog.WarnLevel)
	worker := newWorker(pipeline.Config{
		Store: work, Reads: reads, JS: r.js, Log: log, Keys: r.keys, Connections: 2, OnUnknown: r.onUnknown,
		SMTP: smtp.Config{Host: host, Port: port, From: "portal@mail.example", TLS: smtp.TLSNone, HelloName: "test.example"},
	})
	conn, err := nats.Connect(r.nc.ConnectedUrl())
	r.must(err)
	stopWorker := r.scene().Start(func(ctx context.Context) error {
		if err := worker.Run(ctx); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil // the worker was stopped before it had begun
	})
	stopService := r.scene().Start(func(ctx context.Context) error {
		return Serve(ctx, Config{Conn: conn, Answers: worker.Answers(), Reads: reads, Log: log, Version: "v1.2.3"})
	})
	stop = sync.OnceFunc(func() {
		stopService()
		stopWorker()
		conn.Close()
		work.Close()
		reads.Close()
	})
	r.t.Cleanup(stop)
	testenv.Eventually(r.t, 10*time.Second, func() error {
		_, err := r.client.Runs(r.ctx, acme, RunsRequest{})
		return err
	})
	return stop
}

type object = testkit.Object

var (
	with     = testkit.With
	firmData = testkit.FirmData
	bulkAll  = testkit.BulkAll
	bulkOf   = testkit.BulkOf
)

func (r *rig) publish(firm string, t events.Type, data any) string {
	r.t.Helper()
	scene := r.scene()
	scene.Firm = firm
	return scene.Publish(t, data)
}

func (r *rig) firm(firm string) {
	r.t.Helper()
	r.publish(firm, events.FirmUpserted, with(firmData(), "reply_to", "office@acme.example"))
}

func (r *rig) contact(id, name, email string) { r.t.Helper(); r.scene().UpsertContact(id, name, email) }

func (r *rig) clientRecord(id string, contacts ...string) {
	r.t.Helper()
	r.scene().UpsertClient(id, contacts...)
}

// named is the data of a request that invites some contacts of a client.
func named(client string, contacts ...string) object {
	recipients := []object{}
	for _, c := range contacts {
		recipients = append(recipients, testkit.Contact(c))
	}
	return testkit.InviteData(client, recipients...)
}

// office publishes a small firm: Dana on two clients, Lee without an email, Sam with Dana's email.
func (r *rig) office() {
	r.firm(acme)
	r.contact("dana", "Dana Wu", "Dana@example.com")
	r.contact("lee", "Lee Ray", "")
	r.contact("sam", "Sam Ode", "dana@EXAMPLE.com ")
	r.clientRecord("c1", "*dana", "lee")
	r.clientRecord("c2", "*sam")
	r.clientRecord("c3", "*dana")
	r.clientRecord("c4")
	r.settled()
}

// settled waits until nothing is left to do.
func (r *rig) settled() { r.t.Helper(); r.scene().Settled() }

// refused checks that an error came from the service, with this code and a message that begins with this text.
func refused(tb testing.TB, err error, code int, begins string) {
	tb.Helper()
	shown, ok := errors.AsType[*Error](err)
	if !ok || shown.Code != code || len(shown.Message) < len(begins) || shown.Message[:len(begins)] != begins {
		tb.Errorf("refused with %v, want %d %s…", err, code, begins)
	}
}

// published counts the outcome events of a type.
func (r *rig) published(t events.Type) int { r.t.Helper(); return len(r.scene().Published(t)) }
