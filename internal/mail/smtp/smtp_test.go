package smtp

import (
	"bufio"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

func messageTo(to string) mail.Message {
	return mail.Message{
		MessageID: "0192f3a1.1@firm.example", FromName: "Harbor & Pine CPA", To: to, ToName: "Zoë Wu",
		ReplyTo: "office@harborpine.example",
		Content: mail.Content{Subject: "Größe — your portal", HTML: "<p>Grüße</p>\n", Text: "Grüße\n.\nend\n"},
		Date:    time.Date(2025, time.March, 4, 12, 0, 0, 0, time.UTC),
	}
}

func configFor(port int) Config {
	return Config{Host: "127.0.0.1", Port: port, From: "Client portal <invites@firm.example>", TLS: TLSNone,
		HelloName: "worker.example"}
}

func open(t *testing.T, cfg Config) *Pool {
	t.Helper()
	p := NewPool(cfg)
	t.Cleanup(p.Close)
	return p
}

func TestSendKeepsItsConnection(t *testing.T) {
	t.Parallel()
	s := startSink(t, nil)
	c := open(t, configFor(s.port))
	for _, to := range []string{"a@example.com", "b@example.com", "nobody@example.com", "c@example.com"} {
		want := mail.Delivered
		if strings.HasPrefix(to, "nobody") {
			want = mail.Refused
		}
		if r := c.Send(t.Context(), messageTo(to)); r.Verdict != want {
			t.Errorf("%s: %+v", to, r)
		}
	}
	if n := s.connections.Load(); n != 1 {
		t.Errorf("%d connections for four mails, want 1", n)
	}
	var to []string
	for _, m := range s.mails() {
		to = append(to, m.to)
	}
	if got := strings.Join(to, " "); got != "a@example.com b@example.com c@example.com" {
		t.Errorf("received by %s", got)
	}
}

func TestMessageOnTheWire(t *testing.T) {
	t.Parallel()
	s := startSink(t, nil)
	m := messageTo("dana@example.com")
	m.Content.Subject += "\r\nBcc: everyone@example.com"
	m.FromName += "\r\nX-Evil: yes"
	if r := open(t, configFor(s.port)).Send(t.Context(), m); r.Verdict != mail.Delivered || r.Code != 250 ||
		r.Enhanced != "2.0.0" || r.Step != mail.StepBody {
		t.Fatalf("%+v", r)
	}
	read, err := netmail.ReadMessage(strings.NewReader(s.mails()[0].data))
	if err != nil {
		t.Fatal(err)
	}
	decoder := mime.WordDecoder{}
	for header, want := range map[string]string{
		"Message-Id": "<0192f3a1.1@firm.example>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
		"Date": "Tue, 04 Mar 2025 12:00:00 +0000", "Reply-To": "<office@harborpine.example>",
		"From": `"Harbor & Pine CPA X-Evil: yes via Client portal" <invites@firm.example>`, "To": "Zoë Wu <dana@example.com>",
		"Subject":    "Größe — your portal Bcc: everyone@example.com",
		"User-Agent": "", "X-Mailer": "", "Bcc": "", "X-Evil": "",
	} {
		if got, err := decoder.DecodeHeader(read.Header.Get(header)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", header, got, err, want)
		}
	}
	if got := s.mails()[0]; got.from != "invites@firm.example" || got.utf8 {
		t.Errorf("envelope %+v", got)
	}
	checkAlternatives(t, read, m.Content)
}

func checkAlternatives(t *testing.T, m *netmail.Message, want mail.Content) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, c := range []struct{ kind, body string }{{"text/plain; charset=UTF-8", want.Text},
		{"text/html; charset=UTF-8", want.HTML}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if got := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || got != c.body ||
			part.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s: %q, %v; want %s: %q", part.Header.Get("Content-Type"), got, err, c.kind, c.body)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("a third part: %v", err)
	}
}

func TestSendOverTLSWithLogin(t *testing.T) {
	t.Parallel()
	serverTLS, pool := mailtest.TLS(t)
	s := startSink(t, func(server *smtp.Server) { server.TLSConfig = serverTLS })
	cfg := configFor(s.port)
	cfg.TLS, cfg.Username, cfg.Password, cfg.RootCAs = TLSMandatory, "postmaster@firm.example", "correct horse", pool

	c := open(t, cfg)
	for range 2 {
		if r := c.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
			t.Fatalf("%+v", r)
		}
	}
	if m := s.mails()[0]; !m.tls || len(s.logins) != 1 {
		t.Errorf("tls %v, logins %d, want true and 1", m.tls, len(s.logins))
	}

	wrong := cfg
	wrong.Password = "wrong donkey"
	r := open(t, wrong).Send(t.Context(), messageTo("a@example.com"))
	if r.Verdict != mail.Misconfigured || r.Step != mail.StepAuth || r.Code != 535 || r.Enhanced != "5.7.8" {
		t.Errorf("wrong password: %+v", r)
	}

	untrusted := cfg
	untrusted.RootCAs = nil
	r = open(t, untrusted).Send(t.Context(), messageTo("a@example.com"))
	if r.Verdict != mail.Misconfigured || r.Step != mail.StepTLS || !strings.Contains(r.Said, "certificate") {
		t.Errorf("untrusted certificate: %+v", r)
	}
	untrusted.TLS = TLSOpportunistic
	if r = open(t, untrusted).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Misconfigured ||
		r.Step != mail.StepTLS {
		t.Errorf("opportunistic does not mean any certificate: %+v", r)
	}
	if n := len(s.mails()); n != 2 {
		t.Errorf("%d mails received, want 2", n)
	}
}

func TestTLSPolicies(t *testing.T) {
	t.Parallel()
	s := startSink(t, func(server *smtp.Server) { server.AllowInsecureAuth = true })
	for policy, want := range map[TLSPolicy]mail.Verdict{TLSMandatory: mail.Misconfigured, "": mail.Misconfigured,
		TLSOpportunistic: mail.Delivered, TLSNone: mail.Delivered} {
		cfg := configFor(s.port)
		cfg.TLS = policy
		if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != want {
			t.Errorf("%q against a server without STARTTLS: %+v", policy, r)
		}
	}
}

func TestInternationalAddress(t *testing.T) {
	t.Parallel()
	with := startSink(t, func(server *smtp.Server) { server.EnableSMTPUTF8 = true })
	c := open(t, configFor(with.port))
	for to, utf8 := range map[string]bool{"josé@example.com": true, "jose@example.com": false} {
		if r := c.Send(t.Context(), messageTo(to)); r.Verdict != mail.Delivered {
			t.Errorf("%+v", r)
		}
		if m := with.mails()[len(with.mails())-1]; m.to != to || m.utf8 != utf8 {
			t.Errorf("received %q with SMTPUTF8 %v, want %q with %v", m.to, m.utf8, to, utf8)
		}
	}
	without := startSink(t, nil)
	c = open(t, configFor(without.port))
	if r := c.Send(t.Context(), messageTo("josé@example.com")); r.Verdict != mail.Refused || r.Step != mail.StepRcpt ||
		!strings.Contains(r.Said, "SMTPUTF8") {
		t.Errorf("%+v", r)
	}
	if r := c.Send(t.Context(), messageTo("jose@example.com")); r.Verdict != mail.Delivered ||
		without.connections.Load() != 1 {
		t.Errorf("%+v over %d connections", r, without.connections.Load())
	}
}

func TestMessageThatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	c := open(t, configFor(1)) // Nothing listens there, and it must not be asked.
	for field, change := range map[string]func(*mail.Message){
		"to:":         func(m *mail.Message) { m.To = "dana.wu at example.com" },
		"to: not":     func(m *mail.Message) { m.To = "dana@example.com\r\nRCPT TO:<x@example.com>" },
		"reply_to:":   func(m *mail.Message) { m.ReplyTo = "office" },
		"message id:": func(m *mail.Message) { m.MessageID = "<1@firm.example>" },
	} {
		m := messageTo("dana.wu@example.com")
		change(&m)
		r := c.Send(t.Context(), m)
		if r.Verdict != mail.Refused || r.Step != mail.StepMessage || !strings.HasPrefix(r.Said, field) ||
			strings.Contains(r.Said, "dana") {
			t.Errorf("%s %+v", field, r)
		}
	}
}

func TestInvalidConfigSendsNothing(t *testing.T) {
	t.Parallel()
	r := open(t, Config{}).Send(t.Context(), messageTo("a@example.com"))
	if r.Verdict != mail.Misconfigured || !strings.Contains(r.Said, "SMTP_HOST") {
		t.Errorf("%+v", r)
	}
}

// A server that offers PIPELINING gets a mail's commands at once, before it has replied to any.
func TestCommandsAreSentTogether(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []string, 1)
	go func() {
		var lines []string
		defer func() { heard <- lines }()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewScanner(conn)
		for _, turn := range []struct {
			says  string
			hears int
		}{
			{"220 hi", 1}, {"250-hi\r\n250 PIPELINING", 3}, {"250 ok\r\n250 ok\r\n354 go", 0},
		} {
			_, _ = conn.Write([]byte(turn.says + "\r\n"))
			for range turn.hears {
				in.Scan()
				lines = append(lines, in.Text())
			}
		}
		for in.Scan() && in.Text() != "." {
		}
		_, _ = conn.Write([]byte("250 2.0.0 queued\r\n"))
	}()
	r := open(t, configFor(mailtest.PortOf(t, listener))).Send(t.Context(), messageTo("dana@example.com"))
	_ = listener.Close()
	if r.Verdict != mail.Delivered || r.Said != "queued" {
		t.Errorf("%+v", r)
	}
	want := []string{"MAIL FROM:<invites@firm.example>", "RCPT TO:<dana@example.com>", "DATA"}
	if lines := <-heard; !slices.Equal(lines[1:], want) {
		t.Errorf("heard %q, want EHLO and %q", lines, want)
	}
}
