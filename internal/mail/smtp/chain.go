package smtp

import (
	"context"
	"time"

	"portal-invites/internal/mail"
)

// Mail is a mail that is ready to be sent. [Pool.Build] makes it.
type Mail struct {
	object mailObject
	ended  func(mail.Result) // called once
}

// chain sends mails over one connection. If the server offers PIPELINING, the commands of a mail leave in the same
// write as the content of the mail before it (RFC 2920, section 3.1). So each mail waits for the server once (ADR 179).
type chain struct {
	*conn
	ctx   context.Context //nolint:containedctx // a chain lives as long as one call
	next  func() *Mail    // the mail behind the one whose content is about to leave; nil: none
	ended func(*Mail, mail.Result)
}

// run sends a mail, and then those that next returns, until it returns none or the connection fails.
func (c chain) run(m *Mail) {
	for opened := false; m != nil; {
		if !opened {
			if err := c.begin(c.ctx, m.object); err != nil {
				c.end(m, "", err)
				return
			}
		}
		m, opened = c.pass(m)
	}
}

// end reports what became of a mail. The connection is kept unless it failed.
func (c chain) end(m *Mail, said string, err error) {
	if err != nil && !c.keeps(err) {
		c.hangUp()
	}
	c.ended(m, c.result(c.ctx, said, err))
}

// pass sends the content of a mail, for which the server waits, with the commands of the next mail behind it. It
// returns the next mail, and whether the server waits for its content. If the connection has failed, the server does
// not: nothing of the next mail has left, and it begins anew.
func (c chain) pass(m *Mail) (then *Mail, opened bool) {
	release := closeWhenDone(c.ctx, c.session.raw)
	defer release()
	then, commands := c.follow()
	if err := m.object.withheld(mail.StepData); err != nil { // the server may have taken long to answer
		c.end(m, "", err)
		return then, false
	}
	left, sent := c.write(m.object.bytes, commands)
	said, err := c.accepted(left, sent)
	if then == nil || err != nil && !c.keeps(err) {
		c.end(m, said, err)
		return then, false
	}
	// If the server has lost a reply, the first one that came was not about this mail. The replies behind it show that.
	reported := false
	report := func() {
		if !reported {
			reported = true
			c.end(m, said, err)
		}
	}
	heard := c.hearAll(commands, sent, report)
	if heard.misplaced {
		said, err = "", at(mail.StepBody, errAstray)
	}
	report()
	if c.ctx.Err() == nil {
		c.chained.answered(heard.rightly && !silentAtMail(heard.err))
	}
	switch {
	case heard.err == nil:
		return then, true
	case c.dialsAgain(c.ctx, heard.err):
		return then, false
	default:
		c.end(then, "", heard.err)
		return nil, false
	}
}

// follow takes the next mail, if it may be chained, and returns it with its commands.
func (c chain) follow() (*Mail, []command) {
	if c.next == nil || !c.groups() || c.chained.isOff() || c.session.isLast() {
		return nil, nil
	}
	then := c.next()
	if then == nil {
		return nil, nil
	}
	commands, err := c.commands(then.object)
	if err == nil {
		err = then.object.withheld(mail.StepMail)
	}
	if err != nil { // nobody was asked, so this says nothing about the connection
		c.ended(then, c.result(c.ctx, "", err))
		return nil, nil
	}
	return then, commands
}

// isLast says whether the session ends with the mail that is under way.
func (s *session) isLast() bool { return s.left <= 1 || !time.Now().Before(s.ends) }
