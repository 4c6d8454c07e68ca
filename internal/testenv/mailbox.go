package testenv

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
	"portal-invites/internal/standalone/smtpsink"
)

// Message is one mail that a mailbox has accepted.
type Message struct {
	From string   // the SMTP sender (MAIL FROM)
	To   []string // the SMTP recipients (RCPT TO)
	Raw  []byte
	standalone.Content
}

// Mailbox is a mail server that keeps accepted mails in memory. A test can make it refuse, drop replies, or go down.
type Mailbox struct {
	tb testing.TB // does not change

	mu       sync.Mutex                 // guards all fields below: the test and the server's goroutines use them
	addr     string                     // host:port; does not change after the first Up
	server   *smtpsink.Server           // nil while the mailbox is down
	messages []Message                  // in the order of arrival
	changed  chan struct{}              // closed and replaced when a mail arrives
	refusals map[string]*smtp.SMTPError // by address, in lower case
	stalled  map[string]func()          // by address, in lower case: waits before the answer
	dropping int                        // how many more replies to drop
}

// NewMailbox starts a mailbox on loopback, without TLS, and stops it after the test.
func NewMailbox(tb testing.TB) *Mailbox {
	tb.Helper()
	m := &Mailbox{tb: tb, addr: "127.0.0.1:0", changed: make(chan struct{}), refusals: map[string]*smtp.SMTPError{},
		stalled: map[string]func(){}}
	m.Up()
	tb.Cleanup(m.Down)
	return m
}

// Addr returns host:port, which stays the same after every Up.
func (m *Mailbox) Addr() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addr
}

// Messages returns the mails that have arrived so far, oldest first.
func (m *Mailbox) Messages() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Message(nil), m.messages...)
}

// Wait blocks until at least n messages have arrived in all, and returns them.
func (m *Mailbox) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		m.mu.Lock()
		arrived, changed := len(m.messages), m.changed
		m.mu.Unlock()
		if arrived >= n {
			return m.Messages(), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return m.Messages(), fmt.Errorf("%d of %d mails arrived: %w", arrived, n, ctx.Err())
		}
	}
}

// Refuse answers RCPT TO for that address with code and text, until Accept. A code below 500 tells the sender to try
// again. enhanced is a code like {5, 1, 1} (RFC 3463).
func (m *Mailbox) Refuse(address string, code int, enhanced [3]int, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusals[strings.ToLower(address)] = &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// Accept takes back a refusal.
func (m *Mailbox) Accept(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refusals, strings.ToLower(address))
}

// DropReplies keeps the next n mails, but closes their connection instead of answering 250. The sender can't know that
// they arrived.
func (m *Mailbox) DropReplies(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropping = n
}

// Down closes the listener and every connection, and waits until they are closed. Mails that arrived are kept.
func (m *Mailbox) Down() {
	m.mu.Lock()
	server := m.server
	m.server = nil
	m.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

// Up listens again, on the same address.
func (m *Mailbox) Up() {
	m.tb.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server != nil {
		return
	}
	server, err := smtpsink.Start(smtpsink.Config{
		Addr: m.addr, Recipient: m.recipient, Deliver: m.deliver, Logger: zerolog.Nop(),
	})
	if err != nil {
		m.tb.Fatalf("testenv: mailbox: %v", err)
	}
	m.server, m.addr = server, server.Addr()
}

// Stall keeps the answer to RCPT TO for an address back, until release is called. reached is closed once a sender waits
// for it.
func (m *Mailbox) Stall(address string) (reached <-chan struct{}, release func()) {
	asked, answered := make(chan struct{}), make(chan struct{})
	asks := sync.OnceFunc(func() { close(asked) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stalled[strings.ToLower(address)] = func() {
		asks()
		<-answered
	}
	release = sync.OnceFunc(func() { close(answered) })
	m.tb.Cleanup(release)
	return asked, release
}

func (m *Mailbox) recipient(address string) error {
	m.mu.Lock()
	stall := m.stalled[strings.ToLower(address)]
	m.mu.Unlock()
	if stall != nil {
		stall()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if refusal := m.refusals[strings.ToLower(address)]; refusal != nil {
		return refusal
	}
	return nil
}

func (m *Mailbox) deliver(envelope smtpsink.Envelope) error {
	// A mail that can't be parsed has still arrived: Raw has it.
	content, _ := standalone.ParseMail(envelope.Data)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = append(m.messages, Message{From: envelope.From, To: envelope.To, Raw: envelope.Data, Content: content})
	close(m.changed)
	m.changed = make(chan struct{})
	if m.dropping > 0 {
		m.dropping--
		return smtpsink.ErrDrop
	}
	return nil
}
