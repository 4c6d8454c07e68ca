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
	group   *grouping     // the pool's: the commands of a mail, together
	chained *grouping     // the pool's: those of the next mail behind a content
	soon    time.Duration // how long a reply is waited for until it is late
	session *session
	out     []byte      // of the last content, for the next one
	name    string      // the server's name for itself at the last dial
	rest    *time.Timer // closes the connection when it has rested too long
}

// session is a connection after its login.
type session struct {
	raw    *wire // below TLS: closing it ends every wait at once
	client *gosmtp.Client
	lines  *wholeLines // what the client reads from
	dirty  bool        // a transaction was refused half-way: it needs RSET before the next
	astray bool        // the server's replies are not those to our commands
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

// keeps says whether the connection is still good after an error.
func (c *conn) keeps(err error) bool { return orderly(err) && (c.session == nil || !c.session.astray) }

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
	if f.step == mail.StepMail && isWithheld(f.err) {
		return true
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
		r.Withheld = isWithheld(f.err)
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
	switch {
	case code != 0:
		return ""
	case ctx.Err() != nil:
		return "stopped while waiting for the server"
	case isTimeout(err):
		return fmt.Sprintf("no answer in time at %s", step)
	case errors.Is(err, io.EOF):
		return "the server closed the connection"
	default:
		var f *fault
		errors.As(err, &f)
		return f.err.Error()
	}
}
