package smtp

import (
	"context"
	"errors"
	"strings"

	"portal-invites/internal/mail"
)

// begin returns when the server waits for the content. A kept connection may have been dropped meanwhile, which shows
// only at MAIL. Or the server refuses MAIL because it has taken enough mails on this connection; many don't say that
// this is why. Nothing was sent yet, so it is dialled again, once, and the caller does not notice.
func (c *conn) begin(ctx context.Context, o mailObject) error {
	if c.session != nil && !c.reset(ctx) {
		c.hangUp()
	}
	if c.session != nil {
		if err := c.open(ctx, o); err == nil || !c.dialsAgain(ctx, err) {
			return err
		}
	}
	if err := c.dial(ctx); err != nil {
		return err
	}
	return c.open(ctx, o)
}

// dialsAgain says whether a mail is tried on a new connection after an error. It ends the old one.
func (c *conn) dialsAgain(ctx context.Context, err error) bool {
	fresh := c.session != nil && !c.session.used
	switch {
	case ctx.Err() != nil, stepOf(err) != mail.StepMail, isWithheld(err), orderly(err) && fresh:
		return false
	case c.keeps(err):
		c.close()
	default:
		c.hangUp()
	}
	return true
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

// command is a command of a transaction, with the beginning of the code that accepts it.
type command struct {
	step mail.Step
	line string
	want int // as in [net/textproto.Reader.ReadResponse]
}

// open opens a transaction, up to the server's word that it waits for the content. If the server offers PIPELINING (RFC
// 2920), the commands are sent together, which saves two round trips.
func (c *conn) open(ctx context.Context, o mailObject) error {
	commands, err := c.commands(o)
	if err == nil {
		err = o.withheld(mail.StepMail) // whoever asked before may have waited for a connection since
	}
	if err != nil {
		return err
	}
	release := closeWhenDone(ctx, c.session.raw)
	defer release()
	if c.groups() {
		return c.openTogether(ctx, commands)
	}
	for _, command := range commands {
		c.session.allow(c.cfg.Timeouts.Reply)
		sent := c.session.say(command)
		if err := c.heard(command, sent); err != nil {
			return err
		}
	}
	return c.isReady()
}

func (c *conn) commands(o mailObject) ([]command, error) {
	international := !isASCII(o.to)
	from := "MAIL FROM:" + angled(o.from)
	if c.offers("8BITMIME") {
		from += " BODY=8BITMIME"
	}
	if international {
		// The extension is used only if it is needed: a mail that uses it bounces at the first server on its way that lacks
		// it (RFC 6531, 3.2).
		if !c.offers("SMTPUTF8") {
			return nil, at(mail.StepRcpt, errInternational)
		}
		from += " SMTPUTF8"
	}
	commands := []command{
		{mail.StepMail, from, 250},
		{mail.StepRcpt, "RCPT TO:" + angled(o.to), 25},
		{mail.StepData, "DATA", 354},
	}
	for _, command := range commands {
		if strings.ContainsAny(command.line, "\r\n") {
			return nil, at(command.step, errLineBreak)
		}
	}
	return commands, nil
}

var (
	errInternational = errors.New("the address is not in ASCII, and the server does not offer SMTPUTF8")
	errLineBreak     = errors.New("the address has a line break")
)

func (c *conn) offers(extension string) bool {
	ok, _ := c.session.client.Extension(extension)
	return ok
}

// says reports whether something of the server has come that nobody has read.
func (s *session) says() bool { return s.client.Text.R.Buffered() > 0 || s.lines.pending() }

// say sends commands together.
func (s *session) say(commands ...command) error {
	w := s.client.Text.W
	for _, command := range commands {
		_, _ = w.WriteString(command.line + "\r\n") // Flush returns the error
	}
	return w.Flush()
}

// heard reads the reply to a command. If the command could not be sent, the server may have said why before it closed
// the connection.
func (c *conn) heard(command command, sent error) error {
	s := c.session
	_, _, err := s.client.Text.ReadResponse(command.want)
	if code, _ := replyIn(err); err != nil && code == 0 && sent != nil {
		err = sent
	}
	switch {
	case err != nil && command.step != mail.StepMail:
		s.dirty = true
	case err == nil:
		s.used = true
	}
	return at(command.step, err)
}

// isReady returns an error if the server has said more than it was asked. Its next reply would be taken for the one to
// the content.
func (c *conn) isReady() error {
	if !c.session.says() {
		return nil
	}
	c.session.astray = true
	return at(mail.StepData, errAstray)
}
