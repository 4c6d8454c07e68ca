package testenv

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
)

// BrokerURL starts a broker with JetStream for this test alone and returns its
// NATS_URL.
func BrokerURL(t testing.TB) string {
	t.Helper()
	broker, err := standalone.StartBroker(standalone.BrokerConfig{Dir: t.TempDir(), Ephemeral: true}, zerolog.Nop())
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	t.Cleanup(broker.Stop)
	return broker.URL()
}

// Broker starts a broker as BrokerURL does and returns a connection to it.
func Broker(t testing.TB) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(BrokerURL(t), nats.Name(t.Name()))
	if err != nil {
		t.Fatalf("testenv: connect to the broker: %v", err)
	}
	t.Cleanup(conn.Close)
	return conn
}
