package rolestest

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/ctl"
	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// stage is a broker with roles, a database and a mail server.
type stage struct {
	broker
	t           *testing.T
	databaseURL string
	mailbox     *testenv.Mailbox
}

// settings are those of a process that uses a role.
func (s stage) settings(role string, more ...string) []string {
	return append([]string{"--nats-url", s.url(role), "--nats-inbox-prefix", "_INBOX." + role}, more...)
}

// command runs a command of invite-worker that ends.
func (s stage) command(role string, args ...string) (code int, text string) {
	s.t.Helper()
	var log bytes.Buffer
	code = app.Run(s.t.Context(), "invite-worker", "", &app.WorkerCommand{},
		s.settings(role, append(args, "--database-url", s.databaseURL)...), app.Streams{Out: &log, Err: &log},
		app.NewWorker(pipeline.NewInviteWorker))
	return code, log.String()
}

// work runs a worker as the role worker, until the test ends.
func (s stage) work(name string, worker app.NewWorker) *testkit.Log {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.mailbox.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	log := &testkit.Log{}
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context())) // the cleanup stops it
	ended := make(chan int, 1)
	go func() {
		ended <- app.Run(ctx, name, "", &app.WorkerCommand{}, s.settings("worker", "--nats-topology", "check",
			"--database-url", s.databaseURL, "--smtp-host", host, "--smtp-port", port, "--smtp-tls", "none",
			"--smtp-from", "portal@mail.example", "--invite-link-key", key, "--http-addr", "", "--log-format", "json"),
			app.Streams{Out: log, Err: log}, worker)
	}()
	s.t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			s.t.Errorf("%s ended with %d", name, code)
		}
		if s.t.Failed() {
			s.t.Logf("the log of %s:\n%s", name, log)
		}
	})
	return log
}

var key = link.NewKey()

// The whole pipeline runs with nothing but the roles: an invite from the event to the opened link, a replay, and what
// each reader reads. The broker denies the workers nothing.
func TestThePipelineRunsWithTheRoles(t *testing.T) {
	t.Parallel()
	eachFile(t, func(t *testing.T, b broker) {
		t.Helper()
		s := stage{b, t, testenv.Database(t), testenv.NewMailbox(t)}
		code, text := s.command("worker", "streams")
		if code != app.ExitFailed || !strings.Contains(text, "does not permit") {
			t.Errorf("a worker creates streams: exit code %d, %s", code, text)
		}
		if code, text = s.command("admin", "streams"); code != 0 {
			t.Fatalf("admin can't create the streams: exit code %d, %s", code, text)
		}
		logs := []*testkit.Log{
			s.work("invite-worker", pipeline.NewInviteWorker), s.work("bulk-worker", pipeline.NewBulkWorker),
		}
		admin := b.as(t, "admin")
		scene := testkit.On(t, admin)
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		t.Cleanup(cancel)
		scene.Ctx = ctx
		out := scene.Outcomes()
		office := b.as(t, "office-acme")
		live := map[string]*nats.Subscription{}
		for role, nc := range map[string]*nats.Conn{"dashboard": b.as(t, "dashboard-acme"), "office": office} {
			sub, err := nc.SubscribeSync("portal.outcomes.acme.>")
			scene.Must(err)
			flush(t, nc)
			live[role] = sub
		}

		publish(t, b.as(t, "upstream-acme"),
			scene.Event(events.FirmUpserted, testkit.FirmData()),
			scene.Event(events.ContactUpserted, testkit.ContactData("k", "Kay", "kay@example.com")),
			scene.Event(events.ClientUpserted, testkit.ClientData("c", "*k")))
		publish(t, b.as(t, "upstream"), scene.Event(events.InviteRequested, testkit.InviteData("c", testkit.Contact("k"))))
		scene.Await(out, 1, events.InviteSent)
		for role, sub := range live {
			if msg, err := sub.NextMsg(patience); err != nil || !strings.HasSuffix(msg.Subject, ".acme.InviteSent") {
				t.Errorf("the firm's %s has heard %v, %v", role, msg, err)
			}
		}

		s.open(b.as(t, "portal-acme"))
		scene.Await(out, 1, events.InviteAccepted)
		status, err := api.NewClient(office).Status(scene.Ctx, "acme", api.StatusRequest{ClientID: "c"})
		if err != nil || len(status.Statuses) != 1 {
			t.Errorf("the office has got %+v, %v", status, err)
		}
		publish(t, office, scene.Event(events.ReplayRequested, testkit.Replay(testkit.Object{})))
		scene.Await(out, 1, events.RunCompleted)
		reported := scene.Event(events.FirmUpserted, testkit.FirmData())
		reported.Subject = "portal.facts.acme.MailReported"
		publish(t, b.as(t, "reporter"), reported)
		testenv.Eventually(t, patience, func() error { // it is not a valid one
			_, err := lastOf(scene, events.DeadLettersStream, "portal.dead.>")
			return err
		})

		var printed bytes.Buffer
		code = app.Run(t.Context(), "invitectl", "", &ctl.Command{}, append([]string{"outcomes"}, s.settings("ops")...),
			app.Streams{Out: &printed, Err: &printed})
		if code != 0 || !strings.Contains(printed.String(), "sent") || !strings.Contains(printed.String(), "accepted") {
			t.Errorf("ops read the outcomes: exit code %d, %s", code, &printed)
		}
		s.dashboard(admin)
		for _, log := range logs {
			if log.Lines("does not permit")+log.Lines("the broker reports") > 0 {
				t.Error("a worker lacks a permission")
			}
		}
	})
}

// publish stores events, each with the stream's acknowledgement.
func publish(t *testing.T, nc *nats.Conn, msgs ...*nats.Msg) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.EmitMany(t.Context(), js, msgs); err != nil {
		t.Fatal(err)
	}
}

var token = regexp.MustCompile(`/invite/([A-Za-z0-9_.~-]+)`)

// open opens the link of the first mail.
func (s stage) open(portal *nats.Conn) {
	s.t.Helper()
	mails, err := s.mailbox.Wait(s.t.Context(), 1)
	if err != nil {
		s.t.Fatal(err)
	}
	found := token.FindStringSubmatch(mails[0].Text)
	if found == nil {
		s.t.Fatalf("the mail has no link: %s", mails[0].Text)
	}
	answer, err := api.NewClient(portal).Redeem(s.t.Context(), "acme", api.RedeemRequest{Token: found[1]})
	if err != nil || answer.Result != "opened" {
		s.t.Errorf("the portal has got %+v, %v", answer, err)
	}
}

// dashboard reads by the durable that admin has created.
func (s stage) dashboard(admin *nats.Conn) {
	s.t.Helper()
	js, err := jetstream.New(admin)
	if err != nil {
		s.t.Fatal(err)
	}
	config := jetstream.ConsumerConfig{Durable: "dashboard", AckPolicy: jetstream.AckExplicitPolicy}
	if _, err := js.CreateConsumer(s.t.Context(), events.OutcomesStream, config); err != nil {
		s.t.Fatal(err)
	}
	if js, err = jetstream.New(s.as(s.t, "dashboard")); err != nil {
		s.t.Fatal(err)
	}
	consumer, err := js.Consumer(s.t.Context(), events.OutcomesStream, "dashboard")
	if err != nil {
		s.t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
	if err == nil {
		err = msg.DoubleAck(s.t.Context())
	}
	if err != nil {
		s.t.Errorf("the dashboard can't read: %v", err)
	}
}

// The broker acknowledges to any reply subject, with its own rights. With one account, a firm can store an
// acknowledgement as another firm's event. Only accounts prevent that.
func TestOnlyAccountsKeepAcknowledgementsIn(t *testing.T) {
	t.Parallel()
	for file, crosses := range map[string]bool{"one-account.conf": true, "accounts.conf": false} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			b := start(t, file)
			scene := testkit.On(t, b.as(t, "admin"))
			heard, err := scene.NC.SubscribeSync("portal.facts.zenith.>")
			scene.Must(err)
			flush(t, scene.NC)
			upstream := b.as(t, "upstream-acme")
			const acme, zenith = "portal.facts.acme.FirmUpserted", "portal.facts.zenith.FirmUpserted"
			scene.Must(upstream.PublishRequest(acme, zenith, []byte("{}")))
			flush(t, upstream)
			testenv.Eventually(t, patience, func() error { return stored(scene, acme) })
			if crosses {
				testenv.Eventually(t, patience, func() error { return stored(scene, zenith) })
				return
			}
			publish(t, upstream, scene.Event(events.FirmUpserted, testkit.FirmData())) // the acknowledgement was before this
			flush(t, scene.NC)
			if n, _, _ := heard.Pending(); n != 0 || stored(scene, zenith) == nil {
				t.Error("the acknowledgement became another firm's event")
			}
		})
	}
}

// Why no role of a firm may create consumers: the broker delivers one firm's outcomes to whoever listens on the subject
// that the consumer names, also if that belongs to another firm.
func TestAConsumerDeliversToAnySubject(t *testing.T) {
	t.Parallel()
	b := start(t, "one-account.conf")
	scene := testkit.On(t, b.as(t, "admin"))
	_, err := scene.JS.Publish(scene.Ctx, "portal.outcomes.acme.InviteSent", []byte("{}"))
	scene.Must(err)
	hears, err := scene.NC.SubscribeSync("portal.facts.zenith.FirmUpserted")
	scene.Must(err)
	flush(t, scene.NC)
	js, err := jetstream.New(b.as(t, "ops"))
	scene.Must(err)
	_, err = js.CreatePushConsumer(scene.Ctx, events.OutcomesStream, jetstream.ConsumerConfig{
		Name: "mine", DeliverSubject: "portal.facts.zenith.FirmUpserted", AckPolicy: jetstream.AckNonePolicy,
	})
	scene.Must(err)
	if msg, err := hears.NextMsg(patience); err != nil || string(msg.Data) != "{}" {
		t.Errorf("delivered %v, %v", msg, err)
	}
}

// stored returns an error unless the stream of events has a message with the subject.
func stored(scene *testkit.Scene, subject string) error {
	_, err := lastOf(scene, events.EventsStream, subject)
	return err
}

func lastOf(scene *testkit.Scene, name, subject string) (*jetstream.RawStreamMsg, error) {
	stream, err := scene.JS.Stream(scene.Ctx, name)
	if err != nil {
		return nil, err
	}
	return stream.GetLastMsgForSubject(scene.Ctx, subject)
}
