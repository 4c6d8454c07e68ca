package ctl

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	firm = "acme"
	wait = 2 * time.Minute // longer than anything here takes
)

// rig is a test's own broker, database, mailbox and workers, with the command as a person would run it.
type rig struct {
	t       *testing.T
	ctx     context.Context //nolint:containedctx // it lives exactly as long as the test
	scene   *testkit.Scene
	url     string // NATS_URL
	js      jetstream.JetStream
	mailbox *testenv.Mailbox
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, app.Invites{TTL: 720 * time.Hour, Cooldown: 10 * time.Minute, OnUnknown: "resend"})
}

// newRigWith makes a rig whose workers have these settings for invites, and a link key of their own.
func newRigWith(t *testing.T, invites app.Invites) *rig {
	t.Helper()
	s := testkit.New(t)
	r := &rig{t: t, ctx: s.Ctx, scene: s, url: s.NC.ConnectedUrl(), js: s.JS, mailbox: testenv.NewMailbox(t)}
	r.startWorkers(invites)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	r.scene.Must(err)
}

// startWorkers runs both workers and their services until the test ends, wired as in a real process.
func (r *rig) startWorkers(invites app.Invites) {
	r.t.Helper()
	host, port := testenv.SplitAddress(r.t, r.mailbox.Addr())
	invites.LinkKey, invites.RetryFor = link.NewKey(), 72*time.Hour
	worker := app.Worker{
		Kept:     app.DefaultKept,
		Broker:   app.Broker{URL: r.url, Replicas: 1, TopologyMode: "manage"},
		Database: app.Database{URL: r.scene.DatabaseURL, Migrate: "start"},
		SMTP: app.SMTP{Host: host, Port: port, From: "portal@mail.example", TLS: "none", Connections: 2,
			ConnectionIdle: 30 * time.Second, ConnectionAge: 10 * time.Minute, ConnectionMails: 100},
		Invites: invites,
		Service: app.Service{ShutdownTimeout: 20 * time.Second, Log: app.Log{Level: "warn", Format: "json"}},
	}
	r.scene.Start(func(ctx context.Context) error {
		return worker.RunWorkers(ctx, "test", io.Discard, pipeline.NewInviteWorker, pipeline.NewBulkWorker)
	})
	testenv.Eventually(r.t, time.Minute, func() error {
		_, err := api.NewClient(r.js.Conn()).Runs(r.ctx, firm, api.RunsRequest{})
		return err
	})
}

// said is the exit code of a command and what it printed.
type said struct {
	code     int
	out, err string
}

// ctl runs the command to its end.
func (r *rig) ctl(args ...string) said {
	r.t.Helper()
	return r.ctlWith(r.ctx, "", args...)
}

func (r *rig) ctlWith(ctx context.Context, stdin string, args ...string) said {
	r.t.Helper()
	var out, errs bytes.Buffer
	code := app.Run(ctx, name, Description, &Command{}, append(args, "--nats-url", r.url),
		app.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	mustFitUnlessData(r.t, args, out.String())
	return said{code, out.String(), errs.String()}
}

// mustFitUnlessData fails if what is printed for people is wider than 80 columns.
func mustFitUnlessData(t *testing.T, args []string, out string) {
	t.Helper()
	for i, arg := range args {
		if arg == "-o" && args[i+1] != outputTable && args[i+1] != outputText {
			return
		}
	}
	mustFit(t, out)
}

// ok runs the command, which must succeed, and returns what it printed.
func (r *rig) ok(args ...string) string {
	r.t.Helper()
	s := r.ctl(args...)
	if s.code != app.ExitOK {
		r.t.Fatalf("invitectl %s: exit code %d: %s%s", strings.Join(args, " "), s.code, s.out, s.err)
	}
	return s.out
}

type object = testkit.Object

var bulkAll = testkit.BulkAll

func (r *rig) publish(t events.Type, data any) string {
	r.t.Helper()
	return r.scene.Publish(t, data)
}

func (r *rig) contact(id, name, email string) { r.t.Helper(); r.scene.UpsertContact(id, name, email) }

// client publishes a client with contacts by id; a leading * makes one Primary.
func (r *rig) client(id, name string, contacts ...string) {
	r.t.Helper()
	r.publish(events.ClientUpserted, testkit.With(testkit.ClientData(id, contacts...), "name", name))
}

// office publishes a firm with two people who can be invited, one who is not Primary and one without an email.
func (r *rig) office() {
	r.scene.UpsertFirm()
	r.contact("P-1", "Ada Li", "ada@x.example")
	r.contact("P-2", "Dana Wu", "dana@x.example")
	r.contact("P-3", "Sam Oak", "sam@x.example")
	r.contact("P-4", "Kim Lee", "")
	r.client("C-1", "Blue Bottle LLC", "*P-1", "P-2")
	r.client("C-2", "Red Barn Inc", "*P-3", "*P-4")
}

// conn is a connection to the workers as the commands have it.
func (r *rig) conn() connection {
	return connection{api.NewClient(r.js.Conn()), firm, r.js.Conn(), r.js}
}

// bulk invites everybody, waits until the run has completed, and returns it.
func (r *rig) bulk() outcome {
	r.t.Helper()
	j, err := r.conn().openJournal(r.ctx, from{now: true}, runEvents)
	r.must(err)
	id := r.publish(events.BulkInviteRequested, bulkAll())
	completed, err := watchRun(r.ctx, j, func(o outcome) bool { return o.Cause.ID == id },
		func(outcome) error { return nil })
	r.must(err)
	return completed
}
