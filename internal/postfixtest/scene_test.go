package postfixtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
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

func TestMain(m *testing.M) { testenv.Main(m) }

const firm = "acme-cpa"

// scene is a broker, a database, a Postfix and the two workers.
type scene struct {
	t    *testing.T
	db   *pgxpool.Pool
	js   jetstream.JetStream
	post *postfix
	out  *os.File // what the workers log
}

func newScene(t *testing.T, mailboxes []string) *scene {
	t.Helper()
	s := &scene{t: t}
	databaseURL, nc := testenv.Database(t), testenv.Broker(t)
	var err error
	s.db, err = pgxpool.New(t.Context(), databaseURL)
	s.must(err)
	t.Cleanup(s.db.Close)
	s.js, err = jetstream.New(nc)
	s.must(err)
	s.must(events.Topology{}.Ensure(t.Context(), s.js))
	s.post = startPostfix(t, mailboxes)
	s.out, err = os.Create(s.post.path("workers"))
	s.must(err)
	t.Cleanup(func() {
		if _ = s.out.Close(); t.Failed() {
			t.Logf("The workers said:\n%s", s.post.tail("workers"))
		}
	})
	s.startWorkers(databaseURL)
	return s
}

// startWorkers runs one worker of each lane until the test ends, with TLS on and the certificate checked, as in production.
func (s *scene) startWorkers(databaseURL string) {
	s.t.Helper()
	st, err := store.Open(s.t.Context(), databaseURL, 20)
	s.must(err)
	s.t.Cleanup(st.Close)
	keys, err := link.ParseKeyring(link.NewKey())
	s.must(err)
	host, port, err := net.SplitHostPort(s.post.addr)
	s.must(err)
	number, err := strconv.Atoi(port)
	s.must(err)
	cfg := pipeline.Config{
		Store: st, JS: s.js, Log: zerolog.New(s.out).Level(zerolog.InfoLevel).With().Timestamp().Logger(), Keys: keys, Connections: 4,
		SMTP: smtp.Config{Host: host, Port: number, From: sender, TLS: smtp.TLSMandatory, RootCAs: s.post.roots, HelloName: "worker.portal.example"},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan error, 2)
	for _, w := range []*pipeline.Worker{pipeline.NewInviteWorker(cfg), pipeline.NewBulkWorker(cfg)} {
		go func() { ended <- w.Run(ctx) }()
	}
	s.t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				s.t.Errorf("a worker stopped: %v", err)
			}
		}
	})
}

type object = map[string]any

func (s *scene) event(t events.Type, data object) *nats.Msg {
	s.t.Helper()
	subject, err := events.Subject(firm, t)
	s.must(err)
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "test", ID: uuid.NewString(), Time: time.Now(), Data: data}.Message()
	s.must(err)
	return msg
}

func (s *scene) publish(msgs ...*nats.Msg) {
	s.t.Helper()
	s.must(events.Publish(s.t.Context(), s.js, msgs))
}

// outcome is what this package looks at in an outcome event.
type outcome struct {
	kind      string
	MessageID string `json:"message_id"`
	SMTPCode  int    `json:"smtp_code"`
	Enhanced  string `json:"enhanced_code"`
	Recipient struct {
		ContactID string `json:"contact_id"`
	} `json:"recipient"`
}

// told is the outcome of each contact. Two of one contact would be a fault, and are said.
func (s *scene) told() map[string]outcome {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), events.OutcomesStream)
	s.must(err)
	consumer, err := s.js.OrderedConsumer(s.t.Context(), events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	s.must(err)
	messages, err := consumer.Messages()
	s.must(err)
	defer messages.Stop()
	byContact := map[string]outcome{}
	for range stream.CachedInfo().State.Msgs {
		msg, err := messages.Next(jetstream.NextContext(s.t.Context()))
		s.must(err)
		o := outcome{kind: strings.Split(msg.Subject(), ".")[3]}
		s.must(json.Unmarshal(msg.Data(), &o))
		if !strings.HasPrefix(o.kind, "Invite") {
			continue // of a run
		}
		if first, twice := byContact[o.Recipient.ContactID]; twice {
			s.t.Errorf("%s has two outcomes: %+v and %+v", o.Recipient.ContactID, first, o)
		}
		byContact[o.Recipient.ContactID] = o
	}
	return byContact
}

// count asks the ledger.
func (s *scene) count(sql string) int {
	s.t.Helper()
	var n int
	s.must(s.db.QueryRow(s.t.Context(), sql).Scan(&n))
	return n
}

// await polls until every number is as wanted.
func (s *scene) await(want map[string]int) {
	s.t.Helper()
	s.eventually(func() error {
		for sql, n := range want {
			if got := s.count(sql); got != n {
				return fmt.Errorf("%d, want %d: %s", got, n, sql)
			}
		}
		return nil
	})
}

// eventually polls four times a second: what it asks is not for free.
func (s *scene) eventually(condition func() error) {
	s.t.Helper()
	var asked time.Time
	var err error
	testenv.Eventually(s.t, patience, func() error {
		if time.Since(asked) > 250*time.Millisecond {
			err = condition()
			asked = time.Now()
		}
		return err
	})
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
