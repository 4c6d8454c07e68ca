package systemtest

import (
	"net"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/standalone"
	"portal-invites/internal/standalone/smtpsink"
	"portal-invites/internal/testkit"
)

// scene is a broker, a database and a mail server for the processes of one test.
type scene struct {
	*testkit.Scene
	t     *testing.T
	env   environment
	mails *mails
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return sceneOn(t, testkit.New(t))
}

func sceneOn(t *testing.T, on *testkit.Scene) *scene {
	t.Helper()
	s := &scene{Scene: on, t: t, mails: newMails(t)}
	s.Ctx = t.Context() // no deadline: a large test may take long
	host, port, err := net.SplitHostPort(s.mails.addr)
	s.Must(err)
	s.env = environment{
		"DATABASE_URL=" + s.DatabaseURL, "NATS_URL=" + s.NC.ConnectedUrl(),
		"SMTP_HOST=" + host, "SMTP_PORT=" + port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example",
		"INVITE_LINK_KEY=" + link.NewKey(), "HTTP_ADDR=127.0.0.1:0", "LOG_FORMAT=json",
	}
	return s
}

func (s *scene) count(sql string, args ...any) int {
	s.t.Helper()
	return testkit.Query[int](s.Scene, sql, args...)
}

func (s *scene) firm() *nats.Msg { return s.Event(events.FirmUpserted, testkit.FirmData()) }

func (s *scene) contact(id, email string) *nats.Msg {
	return s.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, email))
}

// client returns a client whose contacts are all Primary.
func (s *scene) client(id string, primaries ...string) *nats.Msg {
	contacts := make([]string, len(primaries))
	for i, contact := range primaries {
		contacts[i] = "*" + contact
	}
	return s.Event(events.ClientUpserted, testkit.ClientData(id, contacts...))
}

func (s *scene) invite(client, contact string) *nats.Msg {
	return s.Event(events.InviteRequested, testkit.InviteData(client, testkit.Contact(contact)))
}

// mails is a mail server that keeps only the recipient, the Message-ID and the link of each mail, since there are many.
// mu guards the fields below it.
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

// links returns the links in the mails with each Message-ID.
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

// again returns the Message-IDs that came more than once, with the number of surplus mails.
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
