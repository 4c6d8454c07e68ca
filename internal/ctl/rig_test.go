package ctl

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	firm = "acme"
	wait = 2 * time.Minute // longer than anything takes that does happen
)

// rig is a broker, a database, a mailbox and both workers of a test's own, and the command as a person would run it there.
type rig struct {
	t       *testing.T
	ctx     context.Context //nolint:containedctx // it lives exactly as long as the test
	url     string          // NATS_URL
	js      jetstream.JetStream
	mailbox *testenv.Mailbox
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, app.Invites{TTL: 720 * time.Hour, Cooldown: 10 * time.Minute, OnUnknown: "resend"})
}

// newRigWith is a rig whose workers have these settings for invites, and a key of their own.
func newRigWith(t *testing.T, invites app.Invites) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) //nolint:usetesting // t.Context ends before Cleanup stops the workers
	t.Cleanup(cancel)
	r := &rig{t: t, ctx: ctx, url: testenv.BrokerURL(t), mailbox: testenv.NewMailbox(t)}
	nc, err := nats.Connect(r.url)
	r.must(err)
	t.Cleanup(nc.Close)
	r.js, err = jetstream.New(nc)
	r.must(err)
	r.must(events.Topology{}.Ensure(ctx, r.js))
	r.startWorkers(invites)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// startWorkers runs both workers and their services, wired as a process wires them, until the test ends.
func (r *rig) startWorkers(invites app.Invites) {
	r.t.Helper()
	host, port, err := net.SplitHostPort(r.mailbox.Addr())
	r.must(err)
	number, err := strconv.Atoi(port)
	r.must(err)
	invites.LinkKey, invites.RetryFor = link.NewKey(), 72*time.Hour
	worker := app.Worker{
		Broker:   app.Broker{URL: r.url, Replicas: 1},
		Database: app.Database{URL: testenv.Database(r.t)},
		SMTP:     app.SMTP{Host: host, Port: number, From: "portal@mail.example", TLS: "none", Connections: 2, ConnectionIdle: 30 * time.Second, ConnectionAge: 10 * time.Minute, ConnectionMails: 100},
		Invites:  invites,
		Service:  app.Service{ShutdownTimeout: 20 * time.Second, Log: app.Log{Level: "warn", Format: "json"}},
	}
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- worker.RunWorkers(ctx, "test", io.Discard, pipeline.NewInviteWorker, pipeline.NewBulkWorker)
	}()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("workers stopped: %v", err)
		}
	})
	testenv.Eventually(r.t, time.Minute, func() error {
		_, err := api.NewClient(r.js.Conn()).Runs(r.ctx, firm, api.RunsRequest{})
		return err
	})
}

// said is what a run of the command has said.
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
	code := app.Run(ctx, name, Description, &Command{}, append(args, "--nats-url", r.url), app.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	mustFitUnlessData(r.t, args, out.String())
	return said{code, out.String(), errs.String()}
}

// mustFitUnlessData holds what is printed for people to 80 columns.
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

type object = map[string]any

// publish puts one event on the stream and returns its id.
func (r *rig) publish(t events.Type, data any) string {
	r.t.Helper()
	subject, err := events.Subject(firm, t)
	r.must(err)
	id := uuid.NewString()
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "test", ID: id, Time: time.Now(), Data: data}.Message()
	r.must(err)
	_, err = r.js.PublishMsg(r.ctx, msg)
	r.must(err)
	return id
}

func (r *rig) contact(id, name, email string) {
	r.publish(events.ContactUpserted, object{"contact_id": id, "name": name, "email": email})
}

// client has contacts by id; a leading * makes one Primary.
func (r *rig) client(id, name string, contacts ...string) {
	list := []object{}
	for _, c := range contacts {
		list = append(list, object{"contact_id": strings.TrimPrefix(c, "*"), "primary": strings.HasPrefix(c, "*")})
	}
	r.publish(events.ClientUpserted, object{"client_id": id, "kind": "business", "name": name, "contacts": list})
}

// office is a firm with two people who can be invited, one who is not Primary and one without an email.
func (r *rig) office() {
	r.publish(events.FirmUpserted, object{"name": "Acme CPA", "portal_url": "https://portal.acme.example"})
	r.contact("P-1", "Ada Li", "ada@x.example")
	r.contact("P-2", "Dana Wu", "dana@x.example")
	r.contact("P-3", "Sam Oak", "sam@x.example")
	r.contact("P-4", "Kim Lee", "")
	r.client("C-1", "Blue Bottle LLC", "*P-1", "P-2")
	r.client("C-2", "Red Barn Inc", "*P-3", "*P-4")
}

// bulk invites everybody, waits until that has completed, and returns the run.
func (r *rig) bulk() outcome {
	r.t.Helper()
	j, err := openJournal(r.ctx, r.js, from{now: true}, runSubjects(firm)...)
	r.must(err)
	id := r.publish(events.BulkInviteRequested, object{"mode": "invite", "requested_by": "Lee", "selection": object{"all_clients": true}})
	completed, err := watchRun(r.ctx, j, func(o outcome) bool { return o.Cause.ID == id }, func(outcome) error { return nil })
	r.must(err)
	return completed
}
