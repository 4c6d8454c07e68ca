package part

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// distance hands on connections to a server as if it were far away: every octet arrives each later, in both directions.
// The bandwidth has no limit.
type distance struct {
	each     time.Duration
	to       string // host:port
	listener net.Listener
}

// startDistance listens on a free port of this machine until stop is called.
func startDistance(ctx context.Context, to string, each time.Duration) (d *distance, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen far away: %w", err)
	}
	d = &distance{each: each, to: to, listener: listener}
	go d.serve(ctx)
	return d, func() { _ = listener.Close() }, nil
}

func (d *distance) serve(ctx context.Context) {
	for {
		near, err := d.listener.Accept()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		go d.carry(ctx, near, far)
		go d.carry(ctx, far, near)
	}
}

// piece is what was read at once, and when it arrives.
type piece struct {
	data    []byte
	arrives time.Time
}

// carry hands on what comes from a connection, until it ends.
func (d *distance) carry(ctx context.Context, from, to net.Conn) {
	onTheWay := make(chan piece, 1024)
	go func() {
		defer close(onTheWay)
		for {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				onTheWay <- piece{buffer[:n], time.Now().Add(d.each)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range onTheWay {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(p.arrives)):
		}
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_, _ = io.Copy(io.Discard, from)
	_ = from.Close()
	for range onTheWay { // the reader ends
	}
}
