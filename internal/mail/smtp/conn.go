package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	netmail "net/mail"
	"slices"
	"sync/atomic"
	"time"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"portal-invites/internal/mail"
)

// quitPatience limits the wait for the reply to QUIT.
const quitPatience = 2 * time.Second

// conn is one SMTP connection that is kept from mail to mail. It dials when a mail needs it. It is not safe for
// concurrent use: a [Pool] gives it to one sender at a time, which owns all fields. While it rests in the pool, Pool.mu
// guards it.
type conn struct {
	cfg     Config
	from    *netmail.Address
	invalid error         // the error of Validate; then every send is Misconfigured
	live    *atomic.Int32 // the pool's counter of sessions
	session *session
	name    string      // the server's name for itself at the last dial
	rest    *time.Timer // closes the connection when it has rested too long
}

// session is a connection after its login.
type session struct {
	raw    *wire // below TLS: closing it ends every wait at once
	client *gosmtp.Client
	lines  *wholeLines // what the client reads from
	dirty  bool        // a transaction was refused half-way: it needs RSET before the next
	ends   time.Time   // when it is too old
	left   int         // mails that it may still carry
	used   bool        // it has carried a mail, or begun to
}

func newSession(raw net.Conn, keep Keep) *session {
	return &session{
		raw:  &wire{Conn: raw},
		ends: time.Now().Add(keep.Age - rand.N(keep.Age/4+1)),
		left: keep.Mails - rand.N(keep.Mails/4+1),
	}
}

// allow begins a step, which may take d.
func (s *session) allow(d time.Duration) {
	s.raw.left = maxHeard
	_ = s.raw.SetDeadline(time.Now().Add(d)) // it fails only on a closed connection, where the step fails, too
}

// retire makes a session carry no more mails.
func (s *session) retire() {
	if s != nil {
		s.left = 0
	}
}

// spent says whether the session has reached one of its limits.
func (s *session) spent() bool { return s.left <= 0 || !time.Now().Before(s.ends) }

// send sends one message and reports what became of it. It ends when a step has taken too long, or when ctx ends. The
// verdict is then Unknown if the whole mail had been sent. The connection is kept unless it failed.
func (c *conn) send(ctx context.Context, m mail.Message) mail.Result {
	if c.invalid != nil {
		return c.result(ctx, "", at(mail.StepConnect, c.invalid))
	}
	o, err := build(m, c.from, c.cfg.DKIM)
	if err != nil {
		return c.result(ctx, "", at(mail.StepMessage, err))
	}
	said, err := c.deliver(ctx, o)
	if err != nil && !orderly(err) {
		c.hangUp()
	}
	return c.result(ctx, said, err)
}

// close ends a healthy connection with QUIT. It may be called more than once.
func (c *conn) close() {
	if c.session == nil {
		return
	}
	// RFC 5321, section 4.1.1.10, requires a QUIT. Nothing depends on the answer, and a server that closed the connection
	// first has said goodbye, too.
	c.session.allow(quitPatience)
	_ = c.session.client.Quit()
	c.hangUp()
}

// hangUp closes the connection without QUIT. After a failure, a QUIT could make the server take half a mail for a whole
// one.
func (c *conn) hangUp() {
	if c.session != nil {
		_ = c.session.raw.Close()
		c.session = nil
		c.live.Add(-1)
	}
}

// deliver runs one transaction: one mail, one recipient (RFC 5321, section 3.3). It returns the server's last words if
// it took the mail.
func (c *conn) deliver(ctx context.Context, o mailObject) (said string, err error) {
	if err := c.begin(ctx, o); err != nil {
		return "", err
	}
	s, limits := c.session, c.cfg.Timeouts
	release := closeWhenDone(ctx, s.raw)
	defer release()
	s.allow(limits.Reply)
	if err := s.client.Rcpt(angled(o.to)); err != nil {
		s.dirty = true
		return "", at(mail.StepRcpt, err)
	}
	s.allow(limits.Reply)
	body, err := s.client.Data()
	if err != nil {
		s.dirty = true
		return "", at(mail.StepData, err)
	}
	if o.mayLeave != nil {
		if err := o.mayLeave(); err != nil {
			return "", at(mail.StepData, withheldError{err})
		}
	}
	s.allow(limits.Content)
	if _, err := body.Write(o.bytes); err != nil {
		return "", at(mail.StepData, err)
	}
	// From here on the final dot may have reached the server.
	s.left--
	s.allow(limits.Accept)
	if err := body.Close(); err != nil {
		return "", at(mail.StepBody, err)
	}
	if reply, ok := body.(interface{ ServerResponse() string }); ok {
		said = reply.ServerResponse()
	}
	return said, nil
}

// begin returns when the server has accepted MAIL on a connection. A kept connection may have been dropped meanwhile,
// which shows only now. Or the server refuses MAIL because it has taken enough mails on this connection; many don't say
// that this is why. Nothing was sent yet, so it is dialled again, once, and the caller does not notice.
func (c *conn) begin(ctx context.Context, o mailObject) error {
	if c.session != nil && !c.reset(ctx) {
		c.hangUp()
	}
	if c.session != nil {
		err := c.mail(ctx, o)
		switch {
		case err == nil, ctx.Err() != nil, errors.Is(err, errInternational), orderly(err) && !c.session.used:
			return err
		case orderly(err):
			c.close()
		default:
			c.hangUp()
		}
	}
	if err := c.dial(ctx); err != nil {
		return err
	}
	return c.mail(ctx, o)
}

// reset ends a refused transaction. That waits until the next mail, so that the refusal was reported at once. It says
// whether it succeeded.
func (c *conn) reset(ctx context.Context) bool {
	s := c.session
	if s.dirty {
		release := closeWhenDone(ctx, s.raw)
		defer release()
		s.allow(c.cfg.Timeouts.Reply)
		s.dirty = s.client.Reset() != nil
	}
	return !s.dirty
}

// mail opens a transaction.
func (c *conn) mail(ctx context.Context, o mailObject) error {
	s := c.session
	release := closeWhenDone(ctx, s.raw)
	defer release()
	international := !isASCII(o.to)
	if ok, _ := s.client.Extension("SMTPUTF8"); international && !ok {
		return at(mail.StepRcpt, errInternational)
	}
	// The extension is used only if it is needed: a mail that uses it bounces at the first server on its way that lacks it
	// (RFC 6531, 3.2).
	s.client.SkipSMTPUTF8(!international)
	s.allow(c.cfg.Timeouts.Reply)
	if err := s.client.Mail(angled(o.from)); err != nil {
		return at(mail.StepMail, err)
	}
	s.used = true
	return nil
}

var errInternational = errors.New("the address is not in ASCII, and the server does not offer SMTPUTF8")

// orderly says whether the connection is still good after an error: the server refused, or was not asked. After a 421
// the server closes it (RFC 5321, section 3.8), and a connection that is out of step is better closed.
func orderly(err error) bool {
	if errors.Is(err, errInternational) {
		return true
	}
	var f *fault
	if !errors.As(err, &f) || f.step.Handshake() {
		return false
	}
	code, _ := replyIn(err)
	return code >= 400 && code <= 599 && code != 421 && !slices.Contains(outOfStep, code)
}

// closeWhenDone ends every wait on the connection when ctx does.
func closeWhenDone(ctx context.Context, conn io.Closer) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.Close() })
}

func angled(address string) string { return (&netmail.Address{Address: address}).String() }

// result turns what happened into a Result.
func (c *conn) result(ctx context.Context, said string, err error) mail.Result {
	r := mail.Result{Verdict: mail.Delivered, Step: mail.StepBody, Code: 250, Server: c.cfg.address(), ServerName: c.name}
	if err != nil {
		var f *fault
		errors.As(err, &f)
		r.Step = f.step
		r.Code, said = replyIn(f.err)
		_, r.Withheld = errors.AsType[withheldError](f.err)
	}
	r.Enhanced, said = splitEnhanced(said)
	if err == nil {
		r.Said = c.cfg.speakable(said)
		return r
	}
	heard := mail.Reply{Code: r.Code, Enhanced: r.Enhanced, Words: said}
	r.Verdict, r.Mend = classify(r.Step, heard, !isBroken(err) && ctx.Err() == nil)
	r.Said = c.cfg.speakable(cmp.Or(said, c.explain(ctx, r.Step, r.Code, err)))
	// What is kept of the words must prove it as well, because later answers have nothing else.
	meaning, _ := heard.Meaning()
	r.NoMailbox = meaning.Mailbox() && mail.NoMailbox(r.Verdict, r.Code, r.Enhanced, r.Said)
	return r
}

// explain finds words if the server gave none.
func (c *conn) explain(ctx context.Context, step mail.Step, code int, err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case code != 0:
		return ""
	case ctx.Err() != nil:
		return "stopped while waiting for the server"
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer in time at %s", step)
	case errors.Is(err, io.EOF):
		return "the server closed the connection"
	default:
		var f *fault
		errors.As(err, &f)
		return f.err.Error()
	}
}
