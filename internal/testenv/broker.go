package testenv

import (
	"os"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
)

// BrokerURL starts a broker with JetStream for this test alone and returns its NATS_URL.
func BrokerURL(tb testing.TB) string {
	tb.Helper()
	dir, err := newFolder()
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	broker, err := standalone.StartBroker(standalone.BrokerConfig{Dir: dir, Ephemeral: true}, zerolog.Nop())
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	tb.Cleanup(broker.Stop)
	return broker.URL()
}

// Broker starts a broker like [BrokerURL], and returns a connection to it.
func Broker(tb testing.TB) *nats.Conn {
	tb.Helper()
	conn, err := nats.Connect(BrokerURL(tb), nats.Name(tb.Name()))
	if err != nil {
		tb.Fatalf("testenv: connect to the broker: %v", err)
	}
	tb.Cleanup(conn.Close)
	return conn
}
