package smtp

import (
	"cmp"
	"context"
	"net/textproto"
	"slices"
	"sync/atomic"

	"portal-invites/internal/mail"
)

// grouping remembers whether a server understands commands that are sent together. It is safe for concurrent use.
type grouping struct {
	wrong atomic.Int32 // how many groups in a row it has answered wrongly
}

// tolerated is how many groups in a row a server may answer wrongly. Then no more are sent to it.
const tolerated = 2

// answered counts a group.
func (g *grouping) answered(rightly bool) {
	switch {
	case !rightly:
		g.wrong.Add(1)
	case g.wrong.Load() < tolerated:
		g.wrong.Store(0)
	}
}

// groups says whether commands are sent together on this connection: the server says that it understands this (RFC
// 2920), and has not shown that it does not. Such a server loses a reply, sends one too many, or waits for ever. No
// mail is lost by that, because no content is sent before all replies have come.
func (c *conn) groups() bool { return c.offers("PIPELINING") && c.group.wrong.Load() < tolerated }

// errAstray is the error of a reply that is not the one to our command.
var errAstray = textproto.ProtocolError("the server's replies are not those to our commands")

// openTogether sends all commands, and then reads their replies in order. It returns the first error. Behind a refusal
// it reads the other replies, too, so that the next transaction does not find them.
func (c *conn) openTogether(ctx context.Context, commands []command) error {
	c.session.allow(c.cfg.Timeouts.Reply)
	rightly, err := c.hearAll(commands, c.session.write(commands...))
	if ctx.Err() == nil {
		c.group.answered(rightly)
	}
	return err
}

// hearAll reads the replies to a group. It returns the first error, and whether the replies make sense for the group.
func (c *conn) hearAll(commands []command, sent error) (rightly bool, first error) {
	for _, command := range commands {
		c.session.allow(c.cfg.Timeouts.Reply)
		err := c.heard(command, sent)
		switch {
		case first != nil && !refused(err): // it waits for a content that nobody sends
			c.session.astray = true
			return false, first
		case first == nil && err != nil:
			if first = err; !orderly(err) {
				return understood(command, err), first
			}
		}
	}
	if err := c.isReady(); err != nil {
		return false, cmp.Or(first, err)
	}
	return true, first
}

// refused says whether err is a reply that refuses a command.
func refused(err error) bool {
	code, _ := replyIn(err)
	return code/100 == 4 || code/100 == 5
}

// understood says whether err is no sign that the server has lost a command of the group. A connection that it has
// dropped while it rested fails at MAIL.
func understood(command command, err error) bool {
	code, _ := replyIn(err)
	if code == 0 {
		return command.step == mail.StepMail
	}
	return refused(err) && !slices.Contains([]int{500, 502, 503}, code)
}
