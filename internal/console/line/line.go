// Package line keeps one connection to the broker for each credential. The users of a credential share it. It is closed
// when nobody has used it for a while.
package line

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Ops names the credential of operators. The other credentials have the names of their firms.
const Ops = "_ops"

// ErrNoCredential says that the console has no credential for a firm.
var ErrNoCredential = errors.New("the console has no credential for this firm")

// idleAfter is how long a connection stays open after its last use.
const idleAfter = 5 * time.Minute

// ErrClosed says that the console stops.
var ErrClosed = errors.New("the console stops")

// Dial connects with one credential.
type Dial func() (*nats.Conn, error)

// Lines are the connections. They are safe for concurrent use.
type Lines struct {
	dials map[string]Dial
	any   Dial // for every name that dials lacks; nil: those have no credential

	mu     sync.Mutex // guards the rest
	open   map[string]*line
	closed bool // for good
}

// line is one connection. Its own lock keeps a slow broker from holding up the other credentials.
type line struct {
	mu    sync.Mutex // guards conn while it is made, and over
	conn  *nats.Conn
	over  bool      // it is closed for good
	users int       // under Lines.mu, like used
	used  time.Time // when the last user left
}

// New returns lines for credentials. each has one for each firm and for [Ops], and every is for all others; it may be
// nil.
func New(each map[string]Dial, every Dial) *Lines {
	return &Lines{dials: each, any: every, open: map[string]*line{}}
}

// Of returns the name of the credential with which a firm is asked: its own one. Operators ask with theirs if the firm
// has none. ok is false if there is none at all.
func (l *Lines) Of(firm string, ops bool) (name string, ok bool) {
	switch {
	case l.dials[firm] != nil:
		return firm, true
	case ops && l.dials[Ops] != nil:
		return Ops, true
	default:
		return firm, l.any != nil
	}
}

// Has says whether there is a credential of this name.
func (l *Lines) Has(name string) bool { return l.dials[name] != nil || l.any != nil }

// Take returns the connection of a credential, and what to call when it is not needed any more. It connects if nobody
// has.
func (l *Lines) Take(ctx context.Context, name string) (conn *nats.Conn, leave func(), err error) {
	dial := l.dials[name]
	if dial == nil {
		if dial, name = l.any, ""; dial == nil {
			return nil, nil, ErrNoCredential
		}
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, nil, ErrClosed
	}
	of := l.open[name]
	if of == nil {
		of = &line{}
		l.open[name] = of
	}
	of.users++
	l.mu.Unlock()
	leave = sync.OnceFunc(func() { l.leave(of) })

	of.mu.Lock()
	defer of.mu.Unlock()
	if of.over {
		leave()
		return nil, nil, ErrClosed
	}
	if of.conn == nil || of.conn.IsClosed() {
		if of.conn, err = dial(); err != nil {
			of.conn = nil
			leave()
			return nil, nil, fmt.Errorf("connect to the broker: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		leave()
		return nil, nil, err
	}
	return of.conn, leave, nil
}

func (l *Lines) leave(of *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of.users--
	of.used = time.Now()
}

// Open is how many connections are open.
func (l *Lines) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Run closes idle connections until the context ends, and then all of them.
func (l *Lines) Run(ctx context.Context) {
	tick := time.NewTicker(idleAfter / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			l.closed = true
			l.mu.Unlock()
			l.close(func(*line) bool { return true })
			return
		case now := <-tick.C:
			l.CloseIdle(now)
		}
	}
}

// CloseIdle closes the connections that nobody uses and that were idle for a while before now.
func (l *Lines) CloseIdle(now time.Time) {
	l.close(func(of *line) bool { return of.users == 0 && now.Sub(of.used) >= idleAfter })
}

func (l *Lines) close(which func(*line) bool) {
	l.mu.Lock()
	var closing []*line
	for name, of := range l.open {
		if which(of) {
			closing = append(closing, of)
			delete(l.open, name)
		}
	}
	l.mu.Unlock()
	for _, of := range closing {
		of.mu.Lock()
		of.over = true
		if of.conn != nil {
			of.conn.Close()
		}
		of.mu.Unlock()
	}
}
