package smtpsink

import (
	"net"
	"sync"
	"time"
)

// listener knows its open connections. The library's Shutdown waits for clients to leave, and pooled senders never do;
// its Close does not wait for the handlers. With the list of connections, Stop can end idle ones and wait for the
// others.
type listener struct {
	net.Listener

	mu          sync.Mutex // guards all below
	open        map[*conn]struct{}
	interrupted bool
}

type conn struct {
	net.Conn
	from *listener
}

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	if l.interrupted {
		c.interrupt()
	}
	return c, nil
}

// interrupt makes every read fail from now on. Idle handlers say goodbye and return; a handler that is storing a mail
// finishes and answers first.
func (l *listener) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupted = true
	for c := range l.open {
		c.interrupt()
	}
}

func (l *listener) closeAll() {
	l.mu.Lock()
	open := l.open
	l.open = map[*conn]struct{}{}
	l.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
}

func (c *conn) interrupt() {
	_ = c.SetReadDeadline(time.Unix(1, 0))
	_ = c.SetWriteDeadline(time.Now().Add(stopGrace / 2))
}

func (c *conn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}
