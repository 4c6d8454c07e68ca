package smtp

import (
	"context"
	"net/textproto"
	"sync/atomic"
)

// grouping remembers whether a server understands commands that are sent together in one way. It is safe for concurrent
// use.
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
	case !g.isOff():
		g.wrong.Store(0)
	}
}

// isOff says whether the server has shown that it does not understand them.
func (g *grouping) isOff() bool { return g.wrong.Load() >= tolerated }

// groups says whether commands are sent together on this connection: the server says that it understands this (RFC
// 2920), and has not shown that it does not. Such a server loses a reply, sends one too many, or waits for ever. No
// mail is lost by that, because no content is sent before all replies have come.
func (c *conn) groups() bool { return c.offers("PIPELINING") && !c.group.isOff() }

// errAstray is the error of a reply that is not the one to our command.
var errAstray = textproto.ProtocolError("the server's replies are not those to our commands")

// openTogether sends all commands, and then reads their replies in order. It returns the first error. Behind a refusal
// it reads the other replies, too, so that the next transaction does not find them.
func (c *conn) openTogether(ctx context.Context, commands []command) error {
	c.session.allow(c.cfg.Timeouts.Reply)
	heard := c.hearAll(commands, c.session.say(commands...), nil)
	if ctx.Err() == nil {
		c.group.answered(heard.rightly)
	}
	return heard.err
}
