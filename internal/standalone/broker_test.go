package standalone

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

func startBroker(t *testing.T, dir string) *Broker {
	t.Helper()
	broker, err := StartBroker(BrokerConfig{Dir: dir}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Stop)
	return broker
}

func streams(t *testing.T, broker *Broker) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestBrokerContinuesWhereItEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startBroker(t, dir)
	js := streams(t, first)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	first.Stop()

	second := startBroker(t, dir)
	stream, err := streams(t, second).Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(message.Data) != "kept" {
		t.Fatalf("got %v, %v; want the message of the first broker", message, err)
	}
}

// A power cut can't be tested here, but the setting that decides what it leaves can.
func TestBrokerSyncsUnlessEphemeral(t *testing.T) {
	t.Parallel()
	for _, ephemeral := range []bool{false, true} {
		broker, err := StartBroker(BrokerConfig{Dir: t.TempDir(), Ephemeral: ephemeral}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if always := broker.server.JetStreamConfig().SyncAlways; always == ephemeral {
			t.Errorf("Ephemeral %v: sync_interval always is %v", ephemeral, always)
		}
		broker.Stop()
		broker.Stop() // Harmless.
	}
}

func portOf(t *testing.T, listener net.Listener) int {
	t.Helper()
	_, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestBrokerRefuses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	held := t.TempDir()
	startBroker(t, held)
	blocked := t.TempDir()
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		cfg  BrokerConfig
		says string
	}{
		"a port in use":           {BrokerConfig{Dir: t.TempDir(), Port: portOf(t, taken)}, taken.Addr().String()},
		"a port that is none":     {BrokerConfig{Dir: t.TempDir(), Port: 70000}, "port 70000"},
		"a folder in use":         {BrokerConfig{Dir: held}, held},
		"no folder":               {BrokerConfig{}, "path is empty"},
		"a store it can't create": {BrokerConfig{Dir: blocked}, "JetStream"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker, err := StartBroker(c.cfg, zerolog.Nop())
			if err == nil {
				broker.Stop()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not say %q: %v", c.says, err)
			}
		})
	}
}
