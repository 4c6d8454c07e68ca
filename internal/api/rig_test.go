package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
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
)

// rig is a pipeline with its services, on a broker, a database and a mailbox of the test's own.
type rig struct {
	t       testing.TB
	ctx     context.Context //nolint:containedctx // it lives exactly as long as the test
	nc      *nats.Conn
	js      jetstream.JetStream
	db      *pgxpool.Pool // to look at the tables
	mailbox *testenv.Mailbox
	keys    link.Keyring
	client  Client
	url     string

	onUnknown pipeline.OnUnknown // of the workers that it starts

	published map[string]uint64 // the last sequence for each durable: what a consumer has pending lags behind what was published
}

const acme = "acme"

func newRig(tb testing.TB) *rig {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute) //nolint:usetesting // the context of a test ends before Cleanup stops the workers
	tb.Cleanup(cancel)
	r := &rig{t: tb, ctx: ctx, nc: testenv.Broker(tb), url: testenv.Database(tb), mailbox: testenv.NewMailbox(tb), published: map[string]uint64{}}
	var err error
	r.db, err = pgxpool.New(ctx, r.url)
	r.must(err)
	tb.Cleanup(r.db.Close)
	r.js, err = jetstream.New(r.nc)
	r.must(err)
	r.keys, err = link.ParseKeyring(link.NewKey())
	r.must(err)
	r.must(events.Topology{}.Ensure(ctx, r.js))
	r.client = NewClient(r.nc)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// start runs both workers, which serve, until the test ends or the function it returns is called.
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
	host, port, err := net.SplitHostPort(r.mailbox.Addr())
	r.must(err)
	number, err := strconv.Atoi(port)
	r.must(err)
	log := zerolog.New(zerolog.NewTestWriter(r.t)).Level(zerolog.WarnLevel)
	worker := newWorker(pipeline.Config{
		Store: work, Reads: reads, JS: r.js, Log: log, Keys: r.keys, Connections: 2, OnUnknown: r.onUnknown,
		SMTP: smtp.Config{Host: host, Port: number, From: "portal@mail.example", TLS: smtp.TLSNone, HelloName: "test.example"},
	})
	conn, err := nats.Connect(r.nc.ConnectedUrl())
	r.must(err)
	ctx, cancel := context.WithCancel(r.ctx)
	var done sync.WaitGroup
	done.Go(func() {
		if err := worker.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("worker stopped: %v", err)
		}
	})
	done.Go(func() {
		err := Serve(ctx, Config{Conn: conn, Answers: worker.Answers(), Reads: reads, Log: log, Version: "v1.2.3"})
		if err != nil {
			r.t.Errorf("service stopped: %v", err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
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

type object = map[string]any

func (r *rig) publish(firm string, t events.Type, data any) string {
	r.t.Helper()
	subject, err := events.Subject(firm, t)
	r.must(err)
	id := uuid.NewString()
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "test", ID: id, Time: time.Now(), Data: data}.Message()
	r.must(err)
	ack, err := r.js.PublishMsg(r.ctx, msg)
	r.must(err)
	prefix, err := t.Prefix()
	r.must(err)
	r.published[map[events.Prefix]string{events.Facts: events.FactsDurable, events.Requests: events.InviteDurable, events.BulkRequests: events.BulkDurable}[prefix]] = ack.Sequence
	return id
}

func (r *rig) firm(firm string) {
	r.publish(firm, events.FirmUpserted, object{"name": "Acme CPA", "portal_url": "https://portal.acme.example", "reply_to": "office@acme.example"})
}

func (r *rig) contact(id, name, email string) {
	r.publish(acme, events.ContactUpserted, object{"contact_id": id, "name": name, "email": email})
}

// clientRecord has contacts by id; a leading * makes one Primary.
func (r *rig) clientRecord(id string, contacts ...string) {
	list := []object{}
	for _, c := range contacts {
		if c[0] == '*' {
			list = append(list, object{"contact_id": c[1:], "primary": true})
		} else {
			list = append(list, object{"contact_id": c, "primary": false})
		}
	}
	r.publish(acme, events.ClientUpserted, object{"client_id": id, "kind": "business", "name": "Client " + id, "contacts": list})
}

func named(client string, contacts ...string) object {
	list := []object{}
	for _, c := range contacts {
		list = append(list, object{"contact_id": c})
	}
	return object{"client_id": client, "requested_by": "Lee", "recipients": list}
}

// office is a small firm: Dana on two clients, Lee without an email, Sam with Dana's.
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
func (r *rig) settled() {
	r.t.Helper()
	testenv.Eventually(r.t, time.Minute, func() error {
		for durable, last := range r.published {
			consumer, err := r.js.Consumer(r.ctx, events.EventsStream, durable)
			if err != nil {
				return err
			}
			if info := consumer.CachedInfo(); info.Delivered.Stream < last || info.NumAckPending > 0 {
				return fmt.Errorf("%s has come to %d of %d", durable, info.Delivered.Stream, last)
			}
		}
		var open int
		err := r.db.QueryRow(r.ctx, `SELECT (SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')) +
			(SELECT count(*) FROM runs WHERE completed_at IS NULL) + (SELECT count(*) FROM outbox)`).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d things are still open", open)
		}
		return err
	})
}

// refused checks that an error is one the service has told, with this code, and that its message begins like this.
func refused(tb testing.TB, err error, code int, begins string) {
	tb.Helper()
	told, ok := errors.AsType[*Error](err)
	if !ok || told.Code != code || len(told.Message) < len(begins) || told.Message[:len(begins)] != begins {
		tb.Errorf("refused with %v, want %d %s…", err, code, begins)
	}
}

// told counts the outcome events of a type.
func (r *rig) told(t events.Type) int {
	r.t.Helper()
	stream, err := r.js.Stream(r.ctx, events.OutcomesStream)
	r.must(err)
	info, err := stream.Info(r.ctx, jetstream.WithSubjectFilter("portal.outcomes.*."+string(t)+".>"))
	r.must(err)
	n := 0
	for _, count := range info.State.Subjects {
		n += int(count)
	}
	info, err = stream.Info(r.ctx, jetstream.WithSubjectFilter("portal.outcomes.*."+string(t)))
	r.must(err)
	for _, count := range info.State.Subjects {
		n += int(count)
	}
	return n
}
