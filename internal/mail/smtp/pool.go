// Package smtp hands messages to a mail server and says what became of each. A [Pool] keeps connections from mail to mail, [DKIM]
// signs, and what the server replies becomes a [mail.Verdict] (classify.go).
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

// Pool keeps the connections of a lane from mail to mail. It dials when a mail finds none at rest, so there are as many as
// there were mails at once, and gives out the one that was used last: those that are not needed come to the end of
// [Keep].Idle and are closed. It is safe for concurrent use.
type Pool struct {
	cfg     Config
	from    *netmail.Address
	invalid error // what Validate said; then every Send is Misconfigured
	live    atomic.Int32

	mu      sync.Mutex
	resting []*conn // the one used last is last
	closed  bool
	leaving sync.WaitGroup // connections that say goodbye
}

// NewPool dials nothing yet. A config that Validate objects to makes every Send Misconfigured.
func NewPool(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults(), invalid: cfg.Validate()}
	if p.invalid == nil {
		p.from, p.invalid = netmail.ParseAddress(cfg.From)
	}
	return p
}

// Send hands one message to the server and says what became of it. It takes as long as the server does, within [Timeouts]; when
// ctx ends it is cut off, which leaves the verdict Unknown if the whole mail was out.
func (p *Pool) Send(ctx context.Context, m mail.Message) mail.Result {
	c := p.take()
	defer p.giveBack(c)
	return c.send(ctx, m)
}

// Probe asks whether the server lets us in, on a new connection that is then kept: it goes as far as a mail goes before MAIL.
// Where ok is false the result says what is the matter.
func (p *Pool) Probe(ctx context.Context) (r mail.Result, ok bool) {
	c := p.newConn()
	defer p.giveBack(c)
	err := at(mail.StepConnect, c.invalid)
	if err == nil {
		err = c.dial(ctx)
	}
	return c.result(ctx, "", err), err == nil
}

// Connected is how many connections are past their login.
func (p *Pool) Connected() int { return int(p.live.Load()) }

// Close says goodbye on every connection. The pool must not be used any more.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	resting := p.resting
	p.resting = nil
	p.mu.Unlock()
	for _, c := range resting {
		c.rest.Stop()
		p.leaving.Go(c.close)
	}
	p.leaving.Wait()
}

func (p *Pool) newConn() *conn {
	return &conn{cfg: p.cfg, from: p.from, invalid: p.invalid, live: &p.live}
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

// giveBack lets a connection rest, if it is worth keeping.
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

// dismiss closes a connection that has rested long enough. One that was taken just before is left alone.
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
