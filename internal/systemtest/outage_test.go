package systemtest

import (
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/standalone/smtpsink"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// outageVariable sets how long the mail server is away. Afterwards it throttles for half of that time. Pauses after
// throttling are minutes, so no length is short enough for every test run. internal/pipeline has a test that moves the
// time instead.
const outageVariable = "SYSTEMTEST_OUTAGE"

// moody is a mail server that goes away, throttles when it is back, and counts the mails that it gets. mu guards the
// fields below it.
type moody struct {
	mails  *mails
	addr   string
	server *smtpsink.Server

	mu         sync.Mutex
	throttling bool
	asked      int // recipients since it came up
	accepted   int // mails that were accepted at RCPT and have no final reply yet
	answered   int // mails with a final reply, since it came up
	flood      int // the most mails at once beyond what slow start allows
}

func (m *moody) up(t *testing.T) {
	t.Helper()
	server, err := smtpsink.Start(smtpsink.Config{
		Addr: m.addr, Recipient: m.recipient, Deliver: m.deliver, Logger: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.server, m.addr = server, server.Addr()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked, m.accepted, m.answered, m.flood = 0, 0, 0, 0
}

// recipient throttles two of three recipients: one by closing the connection, one by deferring the mail.
func (m *moody) recipient(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	m.flood = max(m.flood, m.accepted-m.answered)
	if m.throttling && m.asked%3 > 0 {
		m.answered++
		if m.asked%3 == 1 {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too fast"}
		}
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "too many for this mailbox"}
	}
	m.accepted++
	return nil
}

func (m *moody) deliver(e smtpsink.Envelope) error {
	m.mu.Lock()
	m.accepted--
	m.answered++
	m.mu.Unlock()
	return m.mails.deliver(e)
}

func (m *moody) throttle(throttling bool) (flood int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.throttling = throttling
	return m.flood
}

// The mail server is away for minutes in the middle of a run, and then throttles for some more. Everybody gets one
// mail, no invite fails or uses up its attempts, and the server is not flooded when it is back.
func TestTheMailServerIsAwayForLong(t *testing.T) {
	t.Parallel()
	away, err := time.ParseDuration(os.Getenv(outageVariable))
	if err != nil {
		t.Skipf("%s is not set (example: 10m): the mail server does not go away", outageVariable)
	}
	s, n := newScene(t), setting(t, contactsVariable, 3000, 1000)
	server := &moody{mails: s.mails, addr: "127.0.0.1:0"}
	server.up(t)
	t.Cleanup(func() { server.server.Stop() })
	host, port, err := net.SplitHostPort(server.addr)
	s.Must(err)
	env := s.env.with("SMTP_HOST="+host, "SMTP_PORT="+port)
	run(t, env, "invite-worker")
	run(t, env, "bulk-worker")
	s.publishOffice(n)
	s.Publish(events.BulkInviteRequested, testkit.BulkAll())
	s.sent(n/4, 5*time.Minute)

	server.server.Stop()
	t.Logf("the server goes away with %d of %d mails sent", s.mails.arrived(), n)
	<-time.After(away)
	tried := s.count(`SELECT max(attempt) FROM invites`)
	server.throttle(true)
	server.up(t)
	back := time.Now()
	<-time.After(away / 2)
	flood := server.throttle(false)
	t.Logf("the server has throttled for %s, %d mails are sent; %d mails exceeded slow start",
		away/2, s.mails.arrived(), flood)
	s.sent(n, 15*time.Minute)
	t.Logf("all %d mails are sent %s after the server came back", n, time.Since(back).Round(time.Second))

	if again := s.mails.again(); len(again) > 0 {
		t.Errorf("%d people have a second mail", len(again))
	}
	if failed := s.count(`SELECT count(*) FROM invites WHERE state <> 'sent'`); failed > 0 {
		t.Errorf("%d invites are not sent", failed)
	}
	if tried > 2 {
		t.Errorf("an invite has %d attempts at a server that was away", tried)
	}
	if flood > 2 {
		t.Errorf("after the server came back, it got %d mails more than it had answered", flood)
	}
}

func (s *scene) sent(n int, within time.Duration) {
	s.t.Helper()
	testenv.Eventually(s.t, within, func() error {
		if sent := s.count(`SELECT count(*) FROM invites WHERE state = 'sent'`); sent < n {
			return fmt.Errorf("%d of %d invites are sent", sent, n)
		}
		return nil
	})
}
