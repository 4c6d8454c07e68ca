package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"unicode"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"portal-invites/internal/mail"
)

// dial connects, encrypts as the policy says, and logs in. It uses go-mail's protocol client step by step (ADR 9):
// go-mail's own dialler neither says which step failed nor closes the connection when one does.
func (c *conn) dial(ctx context.Context) error {
	c.name = ""
	dialer := net.Dialer{Timeout: c.cfg.Timeouts.Dial}
	raw, err := dialer.DialContext(ctx, "tcp", c.cfg.address())
	if err != nil {
		return at(mail.StepConnect, err)
	}
	s := newSession(raw, c.cfg.Keep)
	release := closeWhenDone(ctx, raw)
	defer release()
	if err := c.handshake(ctx, s); err != nil {
		_ = raw.Close()
		return err
	}
	c.session = s
	c.live.Add(1)
	return nil
}

func (c *conn) handshake(ctx context.Context, s *session) error {
	stream, encrypted := net.Conn(s.raw), c.cfg.Port == implicitTLSPort && c.cfg.TLS != TLSNone
	if encrypted {
		s.allow(c.cfg.Timeouts.Reply)
		var err error
		if stream, err = encrypt(ctx, s.raw, c.cfg); err != nil {
			return at(mail.StepTLS, err)
		}
	}
	if err := c.greet(s, inWholeLines(stream)); err != nil {
		return at(mail.StepConnect, err)
	}
	if !encrypted {
		s.allow(c.cfg.Timeouts.Reply)
		var err error
		if encrypted, err = c.startTLS(ctx, s); err != nil {
			return at(mail.StepTLS, err)
		}
	}
	if c.cfg.Username != "" {
		s.allow(c.cfg.Timeouts.Reply)
		if err := login(ctx, s.client, c.cfg, encrypted); err != nil {
			return at(mail.StepAuth, err)
		}
	}
	return nil
}

// greet reads the greeting and says EHLO.
func (c *conn) greet(s *session, lines *wholeLines) (err error) {
	s.allow(c.cfg.Timeouts.Reply)
	if s.client, err = gosmtp.NewClient(lines, c.cfg.Host); err != nil {
		return err
	}
	s.lines = lines
	s.allow(c.cfg.Timeouts.Reply)
	lines.hello = true
	defer func() { lines.hello = false }()
	if err := hello(s.client, c.cfg); err != nil {
		return err
	}
	c.name = mail.Shorten(c.cfg.speakable(s.client.HelloResponse()), maxName)
	return nil
}

func encrypt(ctx context.Context, raw net.Conn, cfg Config) (net.Conn, error) {
	encrypted := tls.Client(raw, tlsConfig(cfg))
	return encrypted, encrypted.HandshakeContext(ctx)
}

// maxName limits a server's name for itself, in characters.
const maxName = 100

// hello says EHLO. go-mail falls back to HELO after any EHLO error and hides the error. A server that only asked us to
// retry would then look like one without STARTTLS. So hello returns the EHLO error, unless it says that the server does
// not know EHLO. Only then is HELO right (RFC 5321, section 3.2).
func hello(client *gosmtp.Client, cfg Config) error {
	var ehlo firstError
	client.ErrorHandlerRegistry.RegisterHandler(cfg.Host, "ehlo", &ehlo)
	err := client.Hello(helloName(cfg))
	if code, _ := replyIn(ehlo.err); ehlo.err != nil && !slices.Contains([]int{500, 501, 502, 504}, code) {
		return ehlo.err
	}
	return err
}

// startTLS encrypts the connection if the policy and the server say so. Behind TLS the conversation begins anew (RFC
// 3207, section 4.2), but without a greeting.
func (c *conn) startTLS(ctx context.Context, s *session) (encrypted bool, err error) {
	offered, _ := s.client.Extension("STARTTLS")
	switch {
	case c.cfg.TLS == TLSNone, c.cfg.TLS == TLSOpportunistic && !offered:
		return false, nil
	case !offered:
		return false, errors.New("the server does not offer STARTTLS, and SMTP_TLS is mandatory")
	}
	if err := ask(s.client.Text, "STARTTLS", 220); err != nil {
		return false, err
	}
	if s.lines.from.Buffered() > 0 {
		return false, errors.New("the server says more than one reply to STARTTLS")
	}
	stream, err := encrypt(ctx, s.raw, c.cfg)
	if err != nil {
		return false, err
	}
	behind := inWholeLines(stream)
	behind.line = []byte("220 \r\n") // go-mail waits for a greeting
	return true, c.greet(s, behind)
}

// ask sends one command that go-mail has no method for.
func ask(text *textproto.Conn, verb string, want int) error {
	id, err := text.Cmd("%s", verb)
	if err != nil {
		return err
	}
	text.StartResponse(id)
	defer text.EndResponse(id)
	_, _, err = text.ReadResponse(want)
	return err
}

func tlsConfig(cfg Config) *tls.Config {
	return &tls.Config{
		ServerName: cfg.Host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12,
		GetClientCertificate: cfg.Certificate,
	}
}

// helloName is the name that we give ourselves. Many servers refuse a name without a dot, and a container's own name is
// like that.
func helloName(cfg Config) string {
	if cfg.HelloName != "" {
		return cfg.HelloName
	}
	name, err := os.Hostname()
	if err == nil && strings.Contains(name, ".") && isHostName(name) {
		return name
	}
	return cmp.Or(mail.DomainOf(cfg.From), "localhost")
}

func isHostName(name string) bool {
	return isASCII(name) && !strings.ContainsFunc(name, unicode.IsSpace)
}
