package systemtest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"portal-invites/internal/oracle"
	"portal-invites/internal/standalone"
	"portal-invites/internal/standalone/smtpsink"
)

// slow is how long the mail server takes for each mail, so that mails are on their way when something breaks.
const slow = 5 * time.Millisecond

// sink is a mail server that remembers each mail. It can go away, and throttle. mu guards the fields below it.
type sink struct {
	addr string

	mu         sync.Mutex
	server     *smtpsink.Server
	mails      []oracle.Mail
	throttling bool
	asked      int
	oneOf      int    // of so many recipients with this prefix, one is turned away; 0: none
	prefix     string // of an email
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{addr: "127.0.0.1:0"}
	s.up(t)
	t.Cleanup(s.down)
	return s
}

func (s *sink) up(t *testing.T) {
	t.Helper()
	server, err := smtpsink.Start(smtpsink.Config{
		Addr: s.addr, Recipient: s.recipient, Deliver: s.deliver, Logger: zerolog.Nop(),
	})
	if err != nil {
		t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server, s.addr = server, server.Addr()
}

func (s *sink) down() {
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	server.Stop()
}

func (s *sink) throttle(throttling bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttling = throttling
}

// turnAway makes the server throttle one of so many recipients whose email has a prefix.
func (s *sink) turnAway(oneOf int, prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oneOf, s.prefix = oneOf, prefix
}

// recipient throttles two of three recipients: one by closing the session, one by deferring the mail.
func (s *sink) recipient(email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.oneOf > 0 && !strings.HasPrefix(email, s.prefix) {
		return nil
	}
	s.asked++
	switch {
	case s.oneOf > 0 && s.asked%s.oneOf == 0:
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "too many at once"}
	case s.throttling && s.asked%3 == 1:
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too fast"}
	case s.throttling && s.asked%3 == 2:
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "too many for this mailbox"}
	}
	return nil
}

var errNoMessageID = errors.New("the mail has no Message-ID")

func (s *sink) deliver(e smtpsink.Envelope) error {
	content, err := standalone.ParseMail(e.Data)
	if err != nil {
		return err
	}
	if content.MessageID == "" {
		return errNoMessageID
	}
	s.mu.Lock()
	s.mails = append(s.mails, oracle.Mail{
		To: e.To[0], MessageID: content.MessageID, Link: inviteLink.FindString(content.Text), At: time.Now(),
	})
	s.mu.Unlock()
	<-time.After(slow)
	return nil
}

// arrived returns the mails so far.
func (s *sink) arrived() []oracle.Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]oracle.Mail(nil), s.mails...)
}
