package smtpsink

import (
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Addr, cfg.Logger = "127.0.0.1:0", zerolog.Nop()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// talk has an SMTP conversation: it sends each line and checks the code of the answer.
func talk(t *testing.T, s *Server, lines ...string) *textproto.Conn {
	t.Helper()
	c, err := textproto.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, _, err := c.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		code, command, _ := strings.Cut(line, " ")
		if err := c.PrintfLine("%s", command); err != nil {
			t.Fatal(err)
		}
		var want int
		if _, err := fmt.Sscan(code, &want); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadResponse(want); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	return c
}

func TestConversation(t *testing.T) {
	t.Parallel()
	var got []Envelope
	s := start(t, Config{Deliver: func(e Envelope) error {
		got = append(got, e)
		return nil
	}})
	talk(t, s,
		"250 EHLO test", "235 AUTH PLAIN AGFueQBhbnk=",
		"250 MAIL FROM:<>", "250 RCPT TO:<a@example.com>", "250 RCPT TO:<b@example.com>", "354 DATA",
		"250 Subject: 1\r\n\r\n..x\r\n.",
		"250 MAIL FROM:<f@example.com>", "250 RCPT TO:<c@example.com>", "250 RSET",
		"250 MAIL FROM:<g@example.com>", "250 RCPT TO:<d@example.com>", "354 DATA", "250 \r\ny\r\n.", "221 QUIT")
	want := []Envelope{
		{"", []string{"a@example.com", "b@example.com"}, []byte("Subject: 1\r\n\r\n.x\r\n")},
		{"g@example.com", []string{"d@example.com"}, []byte("\r\ny\r\n")},
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// Our own failure is never the sender's fault: it is a 4xx, so that the sender tries again.
func TestFailureToKeepIsTemporary(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Deliver: func(Envelope) error { return errors.New("disk full") }})
	talk(t, s, "250 EHLO test", "250 MAIL FROM:<>", "250 RCPT TO:<a@example.com>", "354 DATA", "451 \r\nx\r\n.")
}

func TestRefusalIsPassedOn(t *testing.T) {
	t.Parallel()
	refusal := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "unknown"}
	s := start(t, Config{Recipient: func(string) error { return refusal }})
	talk(t, s, "250 EHLO test", "250 MAIL FROM:<>", "550 RCPT TO:<a@example.com>", "502 DATA")
}

func TestStopAmidConversations(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Deliver: func(Envelope) error {
		t.Error("half a mail was kept")
		return nil
	}})
	idle := talk(t, s, "250 EHLO test")
	sending := talk(t, s, "250 EHLO test", "250 MAIL FROM:<>", "250 RCPT TO:<a@example.com>", "354 DATA")
	if err := sending.PrintfLine("Subject: half"); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if code, _, _ := idle.ReadResponse(0); code != 421 {
		t.Errorf("the idle sender got %d", code)
	}
	if code, _, _ := sending.ReadResponse(0); code != 451 {
		t.Errorf("the interrupted sender got %d", code)
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr()); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}

// A server may be stopped right after its start.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	for range 100 {
		start(t, Config{}).Stop()
	}
}
