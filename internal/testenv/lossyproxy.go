package testenv

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// LossyProxy is a proxy in front of a database. If it sees one of its statements in a transaction, it closes the
// connection instead of passing on the answer to the commit. It does so twice for each statement.
type LossyProxy struct {
	URL    string // reaches the database through the proxy; does not change
	server string // host:port of the database; does not change

	mu   sync.Mutex
	left map[string]int // guarded by mu; how often each statement is still to be hit
}

// NewLossyProxy starts a proxy in front of a database, and stops it after the test.
func NewLossyProxy(t *testing.T, databaseURL string, statements ...string) *LossyProxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &LossyProxy{server: u.Host, left: map[string]int{}}
	for _, statement := range statements {
		p.left[statement] = 2
	}
	u.Host = listener.Addr().String()
	p.URL = u.String()
	//nolint:usetesting // t.Context ends before the store is closed
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(ctx, client)
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		<-done
	})
	return p
}

// sees says whether a client's message has one of the statements. A connection sends a statement's text only once,
// because it prepares it; a connection that replaces a lost one sends it again.
func (p *LossyProxy) sees(asked []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for statement, left := range p.left {
		if left > 0 && bytes.Contains(asked, []byte(statement)) {
			p.left[statement]--
			return true
		}
	}
	return false
}

// Untouched returns the statements that the proxy has never seen.
func (p *LossyProxy) Untouched() (statements []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for statement, left := range p.left {
		if left == 2 {
			statements = append(statements, statement)
		}
	}
	return statements
}

func (p *LossyProxy) serve(ctx context.Context, client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.server)
	if err != nil {
		_ = client.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	var losing atomic.Bool // set by the goroutine that reads the client, read by the one that reads the server
	go func() {
		defer func() { _ = server.Close() }()
		doomed, asked := false, make([]byte, 1<<16)
		for {
			n, err := client.Read(asked)
			doomed = doomed || p.sees(asked[:n])
			losing.Store(doomed && bytes.Contains(asked[:n], []byte("commit\x00")))
			if _, writeErr := server.Write(asked[:n]); err != nil || writeErr != nil {
				return
			}
		}
	}()
	defer func() { _ = client.Close() }()
	answer := make([]byte, 1<<16)
	for {
		n, err := server.Read(answer)
		if losing.Load() {
			return
		}
		if _, writeErr := client.Write(answer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}
