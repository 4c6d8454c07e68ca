package pipeline_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/standalone/smtpsink"
	"portal-invites/internal/testenv"
)

// hooked is a mail server that does at RCPT what a test wants, and counts mails. From RCPT on it has a mail.
type hooked struct {
	t      testing.TB
	addr   string
	onRcpt func(to string) error // may block; an *smtp.SMTPError is the reply

	mu       sync.Mutex // guards every field below, except server, which only the test uses
	server   *smtpsink.Server
	received map[string]int // mails by recipient
	with     int            // mails that it has accepted at RCPT and not answered yet
	since    int            // mails answered since it came up
	flood    int            // how many mails more than slow start allows it had at once since it came up
}

func (r *rig) hooked(onRcpt func(to string) error) *hooked {
	r.TB.Helper()
	h := &hooked{t: r.TB, addr: "127.0.0.1:0", onRcpt: onRcpt, received: map[string]int{}}
	h.up()
	r.TB.Cleanup(h.down)
	return h
}

func (h *hooked) up() {
	h.t.Helper()
	server, err := smtpsink.Start(smtpsink.Config{Addr: h.addr, Recipient: h.recipient, Deliver: h.deliver,
		Logger: zerolog.Nop()})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server, h.addr, h.with, h.since, h.flood = server, server.Addr(), 0, 0, 0
}

// down closes the port and every connection; a mail that has come in whole is answered.
func (h *hooked) down() { h.server.Stop() }

func (h *hooked) recipient(to string) error {
	h.mu.Lock()
	h.with++
	// Slow start lets one more mail leave for each that was answered.
	h.flood = max(h.flood, h.with-(h.since+1))
	h.mu.Unlock()
	err := h.onRcpt(to)
	if err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.with--
		h.since++ // a refusal is an answer as well
	}
	return err
}

func (h *hooked) deliver(e smtpsink.Envelope) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.received[strings.ToLower(e.To[0])]++
	h.with--
	h.since++
	return nil
}

// mails returns how many mails came, and how many of them were a recipient's second or later one.
func (h *hooked) mails() (all, second int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.received {
		all += n
		second += n - 1
	}
	return all, second
}

func (h *hooked) overrun() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.flood
}

// configFor is the configuration of workers that use this server.
func (r *rig) configFor(h *hooked) pipeline.Config {
	r.TB.Helper()
	cfg := r.Config()
	cfg.SMTP.Host, cfg.SMTP.Port = testenv.SplitAddress(r.TB, h.addr)
	return cfg
}

func says(code int, enhanced [3]int, words string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: words}
}
