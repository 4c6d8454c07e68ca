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

// outageVariable sets for how long the mail server is away; for half of that it throttles afterwards. Pauses after throttling are
// minutes, so there is no length of it that fits into every test run; internal/pipeline has a test that moves the time instead.
const outageVariable = "SYSTEMTEST_OUTAGE"

// moody is a mail server that goes away, comes back throttling, and counts how it is met.
type moody struct {
	mails  *mails
	addr   string
	server *smtpsink.Server

	mu         sync.Mutex
	throttling bool
	asked      int // recipients since it came up
	with       int // mails accepted at RCPT and not in the end
	answered   int // since it came up
	flood      int // how many more were with it than slow start allows
}

func (m *moody) up(t *testing.T) {
	t.Helper()
	server, err := smtpsink.Start(smtpsink.Config{Addr: m.addr, Recipient: m.recipient, Deliver: m.deliver, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	m.server, m.addr = server, server.Addr()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked, m.with, m.answered, m.flood = 0, 0, 0, 0
}

// recipient throttles two of three: one by closing, one by putting the mail off.
func (m *moody) recipient(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	m.flood = max(m.flood, m.with-m.answered)
	if m.throttling && m.asked%3 > 0 {
		m.answered++
		if m.asked%3 == 1 {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too fast"}
		}
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "too many for this mailbox"}
	}
	m.with++
	return nil
}

func (m *moody) deliver(e smtpsink.Envelope) error {
	m.mu.Lock()
	m.with--
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

// The mail server is away for minutes in the middle of a run, and throttles for some more: everybody gets one mail, nobody fails,
// no attempt is burned, and the return is no flood.
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
	t.Logf("it has throttled for %s, with %d mails sent by now; slow start was overrun by %d mails", away/2, s.mails.arrived(), flood)
	s.sent(n, 15*time.Minute)
	t.Logf("all of %d have left %s after the server came back", n, time.Since(back).Round(time.Second))

	if again := s.mails.again(); len(again) > 0 {
		t.Errorf("%d people have a second mail", len(again))
	}
	if failed := s.count(`SELECT count(*) FROM invites WHERE state <> 'sent'`); failed > 0 {
		t.Errorf("%d invites are not sent", failed)
	}
	if tried > 2 {
		t.Errorf("an invite was tried %d times by a server that was away", tried)
	}
	if flood > 2 {
		t.Errorf("the server that came back was met by %d mails more than it had answered", flood)
	}
}

func (s *scene) sent(n int, within time.Duration) {
	s.t.Helper()
	testenv.Eventually(s.t, within, func() error {
		if sent := s.count(`SELECT count(*) FROM invites WHERE state = 'sent'`); sent < n {
			return fmt.Errorf("%d of %d are sent", sent, n)
		}
		return nil
	})
}
