package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	netmail "net/mail"
	"strconv"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// maxIdle is how long a connection may rest before it is dialled anew rather
// than tried. Servers may hang up after five minutes (RFC 5321, section
// 4.5.3.2.7); many, and the firewalls between, do so much sooner.
const maxIdle = 30 * time.Second

// quitPatience bounds the goodbye of Close.
const quitPatience = 2 * time.Second

// Conn is one SMTP connection that is kept from mail to mail. It dials when a
// mail needs it. It is not safe for concurrent use: one sender owns it.
type Conn struct {
	cfg     Config
	from    *netmail.Address
	invalid error // what Validate said; then every Send is Misconfigured
	session *session
}

// session is a connection past its login.
type session struct {
	raw    net.Conn // under any TLS: closing it ends every wait at once
	client *smtp.Client
	dirty  bool      // a transaction was refused half-way: RSET before the next
	used   time.Time // when the last reply came
}

// NewConn dials nothing yet. A config that Validate objects to makes every
// Send Misconfigured.
func NewConn(cfg Config) *Conn {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	c := &Conn{cfg: cfg, invalid: cfg.Validate()}
	if c.invalid == nil {
		c.from, c.invalid = netmail.ParseAddress(cfg.From)
	}
	return c
}

// Send hands one letter to the server and says what became of it. It ends by
// Config.Timeout, or when ctx does, which leaves the verdict Unknown if the
// whole mail was out. The connection is kept unless it failed.
func (c *Conn) Send(ctx context.Context, l Letter) Result {
	if c.invalid != nil {
		return c.result(ctx, "", at(StageConnect, c.invalid))
	}
	m, err := l.message(c.from)
	if err != nil {
		return c.result(ctx, "", at(StageMessage, err))
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	said, err := c.deliver(ctx, m)
	if err != nil && !orderly(err) {
		c.hangUp()
	}
	return c.result(ctx, said, err)
}

// Close ends a healthy connection with QUIT. It may be called more than once.
func (c *Conn) Close() error {
	if c.session == nil {
		return nil
	}
	defer c.hangUp()
	// RFC 5321, section 4.1.1.10, wants a QUIT; nothing depends on its answer,
	// and a server that hung up first has said goodbye as well.
	_ = c.session.raw.SetDeadline(time.Now().Add(quitPatience))
	_ = c.session.client.Quit()
	return nil
}

// hangUp closes the connection without a word. After a failure a QUIT could
// make the server take half a mail for a whole one.
func (c *Conn) hangUp() {
	if c.session != nil {
		_ = c.session.raw.Close()
		c.session = nil
	}
}

// deliver runs one transaction: one mail, one recipient (RFC 5321, section
// 3.3). It returns the server's last words if it took the mail.
func (c *Conn) deliver(ctx context.Context, m message) (said string, err error) {
	if err := c.begin(ctx, m); err != nil {
		return "", err
	}
	s := c.session
	release := closeWhenDone(ctx, s.raw)
	defer release()
	if err := s.client.Rcpt(angled(m.to)); err != nil {
		s.dirty = true
		return "", at(StageRcpt, err)
	}
	body, err := s.client.Data()
	if err != nil {
		s.dirty = true
		return "", at(StageData, err)
	}
	if _, err := body.Write(m.bytes); err != nil {
		return "", at(StageData, err)
	}
	// From here on the final dot may have reached the server.
	err = body.Close()
	s.used = time.Now()
	if err != nil {
		return "", at(StageBody, err)
	}
	if reply, ok := body.(interface{ ServerResponse() string }); ok {
		said = reply.ServerResponse()
	}
	return said, nil
}

// begin brings up a connection on which the server has accepted MAIL. One that
// was kept may have been dropped meanwhile; that shows only now, and since
// nothing was sent yet it is dialled again, once, and nobody need know.
func (c *Conn) begin(ctx context.Context, m message) error {
	if c.session != nil && !c.session.ready(ctx) {
		c.hangUp()
	}
	if c.session != nil {
		err := c.session.mail(ctx, m)
		if err == nil || orderly(err) || ctx.Err() != nil {
			return err
		}
		c.hangUp()
	}
	s, err := dial(ctx, c.cfg)
	if err != nil {
		return err
	}
	c.session = s
	return s.mail(ctx, m)
}

// ready says whether the session may take another mail. It clears what a
// refused transaction left, which has waited until now so that the refusal was
// reported at once.
func (s *session) ready(ctx context.Context) bool {
	if time.Since(s.used) > maxIdle {
		return false
	}
	if s.dirty {
		release := closeWhenDone(ctx, s.raw)
		defer release()
		s.dirty = s.client.Reset() != nil
	}
	return !s.dirty
}

// mail opens a transaction.
func (s *session) mail(ctx context.Context, m message) error {
	release := closeWhenDone(ctx, s.raw)
	defer release()
	international := !isASCII(m.to)
	if ok, _ := s.client.Extension("SMTPUTF8"); international && !ok {
		return at(StageRcpt, errInternational)
	}
	// The extension is asked for only where it is needed: a mail marked with it
	// bounces at the first server on its way that lacks it (RFC 6531, 3.2).
	s.client.SkipSMTPUTF8(!international)
	err := s.client.Mail(angled(m.from))
	s.used = time.Now()
	return at(StageMail, err)
}

var errInternational = errors.New("the address is not in ASCII, and the server does not offer SMTPUTF8")

// orderly says that the connection is as good as before: the server said no,
// or was not asked. A 421 announces that it closes (RFC 5321, section 3.8).
func orderly(err error) bool {
	if errors.Is(err, errInternational) {
		return true
	}
	var f *fault
	if !errors.As(err, &f) || f.stage == StageConnect || f.stage == StageTLS || f.stage == StageAuth {
		return false
	}
	code, _ := replyIn(err)
	return code >= 400 && code <= 599 && code != 421
}

// closeWhenDone ends every wait on the connection when ctx does.
func closeWhenDone(ctx context.Context, conn io.Closer) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.Close() })
}

func angled(address string) string { return (&netmail.Address{Address: address}).String() }

// result turns what happened into what is reported.
func (c *Conn) result(ctx context.Context, said string, err error) Result {
	r := Result{Verdict: Delivered, Stage: StageBody, Code: 250, Server: net.JoinHostPort(c.cfg.Host, strconv.Itoa(c.cfg.Port))}
	if err != nil {
		var f *fault
		errors.As(err, &f)
		r.Stage = f.stage
		r.Code, said = replyIn(f.err)
	}
	r.Enhanced, said = splitEnhanced(said)
	if err != nil {
		r.Verdict = classify(r.Stage, r.Code, r.Enhanced, !isBroken(err) && ctx.Err() == nil)
		said = firstOf(said, c.explain(ctx, r.Code, err))
	}
	r.Said = c.cfg.speakable(said)
	return r
}

// explain finds words where the server gave none.
func (c *Conn) explain(ctx context.Context, code int, err error) string {
	var f *fault
	errors.As(err, &f)
	switch {
	case code != 0:
		return ""
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("no answer in time; the limit for one mail is %s", c.cfg.Timeout)
	case ctx.Err() != nil:
		return "stopped while waiting for the server"
	case errors.Is(err, io.EOF):
		return "the server closed the connection"
	default:
		return f.err.Error()
	}
}
