package events

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// runBroker starts a broker with JetStream for one test alone, and connects to it.
func runBroker(t *testing.T) jetstream.JetStream {
	t.Helper()
	return connect(t, runServer(t, &server.Options{}).ClientURL())
}

// runServer starts a broker with JetStream and with further options.
func runServer(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	options.Host, options.Port, options.JetStream, options.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, t.TempDir()
	options.NoSigs, options.NoLog = true, true
	broker, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	t.Cleanup(func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	})
	if !broker.ReadyForConnections(patience) {
		t.Fatal("the broker does not start")
	}
	return broker
}

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
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

// runPipelineBroker starts a broker with the pipeline's streams and durables. The broker redelivers nothing by itself,
// so a test may be as slow as its machine.
func runPipelineBroker(t *testing.T) jetstream.JetStream {
	t.Helper()
	js := runBroker(t)
	if err := (Topology{}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{FactsDurable, InviteDurable, BulkDurable} {
		config := durable(t, js, name).Config
		config.AckWait = time.Hour
		if _, err := js.UpdateConsumer(t.Context(), EventsStream, config); err != nil {
			t.Fatal(err)
		}
	}
	return js
}

// ready waits until a durable counts n messages that it has not delivered yet. It learns of a message a moment after
// the message was published. Until then, the broker answers a pull that does not wait with nothing.
func ready(t *testing.T, js jetstream.JetStream, name string, n uint64) {
	t.Helper()
	eventually(t, "the messages are ready", func() bool { return durable(t, js, name).NumPending == n })
}

// emit publishes the smallest event of a type, and returns its sequence.
func emit(t *testing.T, js jetstream.JetStream, typ Type) uint64 {
	t.Helper()
	return publish(t, js, &nats.Msg{Subject: subject(t, typ), Header: binary(typ), Data: []byte(smallest[typ])})
}

// emitOf publishes the smallest valid event of a type, as another firm than acme.
func emitOf(t *testing.T, js jetstream.JetStream, firm string, typ Type) uint64 {
	t.Helper()
	subject, err := Subject(firm, typ)
	if err != nil {
		t.Fatal(err)
	}
	return publish(t, js, &nats.Msg{Subject: subject, Header: binary(typ), Data: []byte(smallest[typ])})
}

func publish(t *testing.T, js jetstream.JetStream, msg *nats.Msg) uint64 {
	t.Helper()
	ack, err := js.PublishMsg(t.Context(), msg)
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func open(t *testing.T, js jetstream.JetStream, durable string) *Source {
	t.Helper()
	source, err := OpenSource(t.Context(), js, durable)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// fetch fetches until it has n deliveries.
func fetch(t *testing.T, s *Source, n int) []Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []Delivery
	for len(all) < n {
		some, err := s.Fetch(ctx, n-len(all))
		if err != nil {
			t.Fatalf("after %d of %d deliveries: %v", len(all), n, err)
		}
		all = append(all, some...)
	}
	return all
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// durable returns the state of a durable.
func durable(t *testing.T, js jetstream.JetStream, name string) *jetstream.ConsumerInfo {
	t.Helper()
	cons, err := js.Consumer(t.Context(), EventsStream, name)
	if err != nil {
		t.Fatal(err)
	}
	return cons.CachedInfo()
}

// stored returns every message of a stream, in order.
func stored(t *testing.T, js jetstream.JetStream, stream string) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var msgs []*jetstream.RawStreamMsg
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(fmt.Errorf("message %d of %s: %w", seq, stream, err))
		}
		msgs = append(msgs, msg)
	}
	return msgs
}
