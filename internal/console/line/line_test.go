package line

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// The users of a credential share a connection. It is closed once nobody has used it for a while, and not before.
func TestAConnectionForEachCredential(t *testing.T) {
	t.Parallel()
	address := testenv.BrokerURL(t)
	dialled := 0
	dial := func() (*nats.Conn, error) {
		dialled++
		return nats.Connect(address)
	}
	l := New(map[string]Dial{"acme": dial, Ops: dial}, nil)
	first, leaveFirst, err := l.Take(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	second, leaveSecond, err := l.Take(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	other, leaveOther, err := l.Take(t.Context(), Ops)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || first == other || dialled != 2 {
		t.Errorf("%d connections were made for two credentials", dialled)
	}
	leaveFirst()
	leaveFirst() // harmless
	leaveOther()
	l.CloseIdle(time.Now().Add(2 * idleAfter))
	if first.IsClosed() || !other.IsClosed() || l.Open() != 1 {
		t.Error("a connection in use was closed, or an idle one was not")
	}
	leaveSecond()
	l.CloseIdle(time.Now())
	if first.IsClosed() {
		t.Error("a connection was closed at once")
	}
	l.CloseIdle(time.Now().Add(2 * idleAfter))
	if !first.IsClosed() || l.Open() != 0 {
		t.Error("an idle connection stays open")
	}
}

// A firm's people never ask with another credential than the firm's.
func TestWhoseCredential(t *testing.T) {
	t.Parallel()
	dial := func() (*nats.Conn, error) { return nil, errors.New("away") }
	l := New(map[string]Dial{"acme": dial, Ops: dial}, nil)
	for _, c := range []struct {
		firm string
		ops  bool
		want string
		ok   bool
	}{
		{"acme", false, "acme", true}, {"acme", true, "acme", true},
		{"zenith", true, Ops, true}, {"zenith", false, "zenith", false},
	} {
		if got, ok := l.Of(c.firm, c.ops); got != c.want || ok != c.ok {
			t.Errorf("%s, ops %v: %s, %v", c.firm, c.ops, got, ok)
		}
	}
	if _, _, err := l.Take(t.Context(), "zenith"); !errors.Is(err, ErrNoCredential) {
		t.Errorf("a firm without a credential: %v", err)
	}
	if _, _, err := l.Take(t.Context(), "acme"); err == nil || l.Open() != 1 {
		t.Errorf("a broker that is away: %v", err)
	}
}

// Once the console has stopped, nobody gets a connection that nobody would close.
func TestAStoppedConsoleConnectsNoMore(t *testing.T) {
	t.Parallel()
	address := testenv.BrokerURL(t)
	l := New(nil, func() (*nats.Conn, error) { return nats.Connect(address) })
	conn, leave, err := l.Take(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	l.Run(ctx)
	if _, _, err := l.Take(t.Context(), "acme"); !errors.Is(err, ErrClosed) || !conn.IsClosed() {
		t.Errorf("after the stop: %v", err)
	}
}
