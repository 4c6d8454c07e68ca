package systemtest

import (
	"encoding/json"
	"net"
	"net/url"
	"regexp"
	"strings"
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
	"portal-invites/internal/standalone"
	"portal-invites/internal/standalone/smtpsink"
	"portal-invites/internal/testenv"
)

// scene is a broker, a database and a mail server for the processes of one test.
type scene struct {
	t     *testing.T
	env   environment
	db    *pgxpool.Pool
	js    jetstream.JetStream
	mails *mails
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, mails: newMails(t)}
	databaseURL, natsURL := testenv.Database(t), testenv.BrokerURL(t)
	var err error
	s.db, err = pgxpool.New(t.Context(), databaseURL)
	s.must(err)
	t.Cleanup(s.db.Close)
	nc, err := nats.Connect(natsURL)
	s.must(err)
	t.Cleanup(nc.Close)
	s.js, err = jetstream.New(nc)
	s.must(err)
	s.must(events.Topology{}.Ensure(t.Context(), s.js))
	host, port, err := net.SplitHostPort(s.mails.addr)
	s.must(err)
	s.env = environment{
		"DATABASE_URL=" + databaseURL, "NATS_URL=" + natsURL,
		"SMTP_HOST=" + host, "SMTP_PORT=" + port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example",
		"INVITE_LINK_KEY=" + link.NewKey(), "HTTP_ADDR=127.0.0.1:0", "LOG_FORMAT=json",
	}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	s.must(s.db.QueryRow(s.t.Context(), sql, args...).Scan(&n))
	return n
}

type object = map[string]any

func (s *scene) event(t events.Type, data object) *nats.Msg {
	s.t.Helper()
	subject, err := events.Subject("acme", t)
	s.must(err)
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "test", ID: uuid.NewString(), Time: time.Now(), Data: data}.Message()
	s.must(err)
	return msg
}

// publish puts events on the stream, in order.
func (s *scene) publish(msgs ...*nats.Msg) {
	s.t.Helper()
	s.must(events.Publish(s.t.Context(), s.js, msgs))
}

func (s *scene) firm() *nats.Msg {
	return s.event(events.FirmUpserted, object{"name": "Acme CPA", "portal_url": "https://portal.acme.example"})
}

func (s *scene) contact(id, email string) *nats.Msg {
	return s.event(events.ContactUpserted, object{"contact_id": id, "name": "Kay " + id, "email": email})
}

func (s *scene) client(id string, primaries ...string) *nats.Msg {
	contacts := []object{}
	for _, contact := range primaries {
		contacts = append(contacts, object{"contact_id": contact, "primary": true})
	}
	return s.event(events.ClientUpserted, object{"client_id": id, "kind": "business", "name": "Client " + id, "contacts": contacts})
}

func (s *scene) invite(client, contact string) *nats.Msg {
	return s.event(events.InviteRequested, object{"client_id": client, "requested_by": "Lee", "recipients": []object{{"contact_id": contact}}})
}

// outcome is what this package looks at in an outcome event.
type outcome struct {
	kind, id, raw string
	InviteID      string `json:"invite_id"`
	Reason        string `json:"reason"`
	Selected      int    `json:"selected"`
	Sent          int    `json:"sent"`
	Skipped       int    `json:"skipped"`
	Failed        int    `json:"failed"`
	Pending       int    `json:"pending"`
}

// told is everything on the outcome stream.
func (s *scene) told() []outcome {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), events.OutcomesStream)
	s.must(err)
	consumer, err := s.js.OrderedConsumer(s.t.Context(), events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	s.must(err)
	messages, err := consumer.Messages()
	s.must(err)
	defer messages.Stop()
	list := make([]outcome, stream.CachedInfo().State.Msgs)
	for i := range list {
		msg, err := messages.Next()
		s.must(err)
		s.must(json.Unmarshal(msg.Data(), &list[i]))
		list[i].kind = strings.Split(msg.Subject(), ".")[3]
		list[i].id, list[i].raw = msg.Headers()["ce-id"][0], string(msg.Data())
	}
	return list
}

// mails is a mail server that keeps of each mail only to whom, under which Message-ID and with which link it came: there are
// many.
type mails struct {
	addr string
	mu   sync.Mutex
	n    int
	to   map[string]int
	ids  map[string]int
	link map[string]map[string]bool // by Message-ID
}

func newMails(t *testing.T) *mails {
	t.Helper()
	m := &mails{to: map[string]int{}, ids: map[string]int{}, link: map[string]map[string]bool{}}
	server, err := smtpsink.Start(smtpsink.Config{Addr: "127.0.0.1:0", Deliver: m.deliver, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	m.addr = server.Addr()
	return m
}

var inviteLink = regexp.MustCompile(`https://[^\s"]+/invite/[^\s"]+`)

func (m *mails) deliver(e smtpsink.Envelope) error {
	content, err := standalone.ParseMail(e.Data)
	if err != nil {
		return err
	}
	id := content.MessageID
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	m.to[e.To[0]]++
	m.ids[id]++
	if m.link[id] == nil {
		m.link[id] = map[string]bool{}
	}
	m.link[id][inviteLink.FindString(content.Text)] = true
	return nil
}

// links are the links that came with each Message-ID.
func (m *mails) links() map[string]map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link
}

func (m *mails) arrived() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// again are the Message-IDs that came more than once, and how often too often.
func (m *mails) again() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	again := map[string]int{}
	for id, n := range m.ids {
		if n > 1 {
			again[id] = n - 1
		}
	}
	return again
}

func hostOf(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
