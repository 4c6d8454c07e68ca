package pipeline

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/standalone"
	"portal-invites/internal/store"
)

func TestTheBrokerGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := standalone.StartBroker(standalone.BrokerConfig{Dir: dir, Ephemeral: true}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Stop() })
	address, err := url.Parse(broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(broker.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	r := newRigOn(t, nc)
	r.startBoth()
	r.office(40)
	id := r.publish(events.BulkInviteRequested, bulkAll())
	r.invite("c0", added("one@example.com", "One"))
	for _, mails := range []int{5, 15} {
		if _, err := r.mailbox.Wait(r.ctx, mails); err != nil {
			t.Fatal(err)
		}
		broker.Stop()
		// Mails go on without it: what is decided needs no broker.
		if _, err := r.mailbox.Wait(r.ctx, mails+5); err != nil {
			t.Fatal(err)
		}
		if broker, err = standalone.StartBroker(standalone.BrokerConfig{Dir: dir, Port: port, Ephemeral: true}, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
	}
	r.settled()
	r.invite("c0", added("two@example.com", "Two"))
	r.settled()
	if o := r.completed(id); o.Selected != 40 || o.Sent != 39 {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.mailbox.Messages()); mails != 41 {
		t.Errorf("%d mails, want 41", mails)
	}
}

func TestTheDatabaseDropsItsConnectionsAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.office(40)
	id := r.publish(events.BulkInviteRequested, bulkAll())
	r.invite("c0", added("one@example.com", "One"))
	for mails := 2; mails <= 38; mails += 4 {
		if _, err := r.mailbox.Wait(r.ctx, mails); err != nil {
			t.Fatal(err)
		}
		_, err := r.db.Exec(r.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'portal-invites'`)
		r.must(err)
	}
	r.settled()
	if o := r.completed(id); o.Selected != 40 || o.Sent != 39 {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.mailbox.Messages()); mails != 40 {
		t.Errorf("%d mails, want 40: the results are recorded once the database is back", mails)
	}
}

// The answers to commits get lost: of a page, of a claim, of results. The worker can't know that the database has them.
func TestAnswersToCommitsGetLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lossy := newLossyProxy(t, r.url, "INSERT INTO requests", "INSERT INTO invites", "INSERT INTO attempts", "UPDATE attempts SET finished_at")
	var err error
	r.store, err = store.Open(r.ctx, lossy.url, 20)
	r.must(err)
	t.Cleanup(r.store.Close)
	r.startBoth()
	r.office(30)
	id := r.publish(events.BulkInviteRequested, bulkAll())
	for _, name := range []string{"a", "b", "c", "d"} {
		r.invite("c0", added(name+"@example.com", name))
	}
	r.settled()
	if o := r.completed(id); o.Selected != 30 || o.Sent != 29 {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.mailbox.Messages()); mails != 33 {
		t.Errorf("%d mails, want 33", mails)
	}
	if left := lossy.untouched(); len(left) > 0 {
		t.Errorf("no answer got lost to %v", left)
	}
}

// lossyProxy stands before a database. Where it sees a statement in a transaction, it loses the answer to the commit,
// connection and all: twice for each statement.
type lossyProxy struct {
	url    string
	server string
	mu     sync.Mutex
	left   map[string]int
}

func newLossyProxy(t *testing.T, databaseURL string, statements ...string) *lossyProxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{server: u.Host, left: map[string]int{}}
	for _, statement := range statements {
		p.left[statement] = 2
	}
	u.Host = listener.Addr().String()
	p.url = u.String()
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // t.Context ends before the store is closed
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

// sees says whether one of the statements is in what a client says. A connection is told a statement's text once; those
// that replace lost ones are told again.
func (p *lossyProxy) sees(asked []byte) bool {
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

func (p *lossyProxy) untouched() (statements []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for statement, left := range p.left {
		if left == 2 {
			statements = append(statements, statement)
		}
	}
	return statements
}

func (p *lossyProxy) serve(ctx context.Context, client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.server)
	if err != nil {
		_ = client.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	var losing atomic.Bool
	go func() {
		defer server.Close()
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
	defer client.Close()
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
