// Package smtp sends messages to a mail server and reports what became of each. A [Pool] keeps connections from mail to
// mail, [DKIM] signs, and a reply becomes a [mail.Verdict] (classify.go).
package smtp

import (
	"context"
	netmail "net/mail"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portal-invites/internal/mail"
)

// Pool keeps the connections of a lane from mail to mail. It dials if no connection is at rest, so it has as many
// connections as there were mails at once. It hands out the one that was used last: connections that are not needed
// reach [Keep].Idle and are closed. It is safe for concurrent use.
type Pool struct {
	cfg     Config
	from    *netmail.Address
	invalid error        // the error of Validate; then every Send is Misconfigured
	live    atomic.Int32 // connections after their login
	group   grouping     // the commands of a mail, together
	chained grouping     // those of the next mail behind a content
	soon    time.Duration

	mu      sync.Mutex     // guards resting and closed
	resting []*conn        // the one used last is last
	closed  bool           // by Close
	leaving sync.WaitGroup // connections that are being closed
}

// NewPool does not dial. If Validate reports an error of cfg, every Send is Misconfigured.
func NewPool(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults(), invalid: cfg.Validate(), soon: soon}
	if p.invalid == nil {
		p.from, p.invalid = netmail.ParseAddress(cfg.From)
	}
	return p
}

// Send sends one message and reports what became of it. It takes as long as the server does, within [Timeouts]. If ctx
// ends, it stops at once; the verdict is then Unknown if the whole mail had been sent.
func (p *Pool) Send(ctx context.Context, m mail.Message) (r mail.Result) {
	if built := p.Build(ctx, m, func(ended mail.Result) { r = ended }); built != nil {
		p.SendChain(ctx, built, nil)
	}
	return r
}

// Build makes a mail of a message. ended is called once, with what became of it. If the mail can't be built, that is at
// once, and Build returns nil.
func (p *Pool) Build(ctx context.Context, m mail.Message, ended func(mail.Result)) *Mail {
	err := at(mail.StepConnect, p.invalid)
	if err == nil {
		var o mailObject
		if o, err = build(m, p.from, p.cfg.DKIM); err == nil {
			return &Mail{o, ended}
		}
		err = at(mail.StepMessage, err)
	}
	ended(p.newConn().result(ctx, "", err))
	return nil
}

// SendChain sends a mail, and behind it, over the same connection, the mails that next returns. It calls next when the
// server waits for a content, if it takes the commands of another mail behind it. nil: there is none. If ctx ends, it
// stops at once; mails that were sent whole are then Unknown.
func (p *Pool) SendChain(ctx context.Context, first *Mail, next func() *Mail) {
	c := p.take()
	whole := false
	defer func() {
		if !whole { // a panic leaves replies unread
			c.hangUp()
		}
		p.giveBack(c)
	}()
	chain{c, ctx, next, func(m *Mail, r mail.Result) {
		if r.Verdict == mail.Misconfigured || r.Verdict == mail.Unclear {
			p.renew()
			c.session.retire()
		}
		m.ended(r)
	}}.run(first)
	whole = true
}

// renew closes the connections that rest. A server may have been mended meanwhile, and many servers go by their old
// configuration until the end of a connection.
func (p *Pool) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeResting()
}

// closeResting begins to close the connections that rest. The caller has the lock.
func (p *Pool) closeResting() {
	for _, c := range p.resting {
		c.rest.Stop()
		p.leaving.Go(c.close)
	}
	p.resting = nil
}

// Probe asks whether the server lets us in (ADR 40). It makes a new connection, goes as far as a mail does before MAIL,
// and keeps the connection. If ok is false, the result says why.
func (p *Pool) Probe(ctx context.Context) (r mail.Result, ok bool) {
	c := p.newConn()
	defer p.giveBack(c)
	err := at(mail.StepConnect, c.invalid)
	if err == nil {
		err = c.dial(ctx)
	}
	return c.result(ctx, "", err), err == nil
}

// Connected is the number of connections after their login.
func (p *Pool) Connected() int { return int(p.live.Load()) }

// Close closes every connection with QUIT. The pool must not be used after that.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.closeResting()
	p.mu.Unlock()
	p.leaving.Wait()
}

func (p *Pool) newConn() *conn {
	return &conn{cfg: p.cfg, from: p.from, invalid: p.invalid, live: &p.live, group: &p.group,
		chained: &p.chained, soon: p.soon}
}

func (p *Pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.resting) - 1
	if last < 0 {
		return p.newConn()
	}
	c := p.resting[last]
	p.resting = p.resting[:last]
	c.rest.Stop()
	return c
}

// giveBack puts a connection to rest, if it is worth keeping.
func (p *Pool) giveBack(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.session == nil:
	case p.closed || c.session.spent():
		p.leaving.Go(c.close)
	default:
		p.resting = append(p.resting, c)
		c.rest = time.AfterFunc(p.cfg.Keep.Idle, func() { p.dismiss(c) })
	}
}

// dismiss closes a connection that has rested long enough. If the connection was taken just before, it does nothing.
func (p *Pool) dismiss(c *conn) {
	p.mu.Lock()
	at := slices.Index(p.resting, c)
	if at < 0 {
		p.mu.Unlock()
		return
	}
	p.resting = slices.Delete(p.resting, at, at+1)
	p.leaving.Add(1)
	p.mu.Unlock()
	defer p.leaving.Done()
	c.close()
}
