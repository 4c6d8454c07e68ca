package events

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// asks is a question to the broker.
type asks func(context.Context) error

// A broker takes a question, and goes away without an answer. Nobody waits until the question's own time is over.
func TestAQuestionEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, jetstream.JetStream) asks{
		"ensure": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { return Topology{}.Ensure(ctx, js) }
		},
		"open a source": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, err := OpenSource(ctx, js, FactsDurable); return err }
		},
		"open a barrier": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, err := OpenBarrier(ctx, js); return err }
		},
		"compare with a mark": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, _, err := WentBack(ctx, js, Mark{Sequence: 1}); return err }
		},
		"read the floors": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, _, err := AckFloors(ctx, js); return err }
		},
		"look at the outcomes": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, _, err := OutcomeStream(ctx, js); return err }
		},
		"read the outcomes": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, err := ReadOutcomesFrom(ctx, js, 1); return err }
		},
		"read the newest outcomes": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, err := Recent(ctx, js, OutcomesStream, 10); return err }
		},
		"find the oldest message": func(_ *testing.T, js jetstream.JetStream) asks {
			return func(ctx context.Context) error { _, err := Oldest(ctx, js, FactsDurable); return err }
		},
		"ask for facts": func(t *testing.T, js jetstream.JetStream) asks {
			t.Helper()
			b := barrier(t, js)
			return func(ctx context.Context) error { _, err := b.Behind(ctx, map[string]uint64{"acme": 9}); return err }
		},
		"ask for all facts": func(t *testing.T, js jetstream.JetStream) asks {
			t.Helper()
			b := barrier(t, js)
			return func(ctx context.Context) error { _, err := b.AllApplied(ctx, 9); return err }
		},
		"read facts": func(t *testing.T, js jetstream.JetStream) asks {
			t.Helper()
			b := barrier(t, js)
			return func(ctx context.Context) error { _, _, err := b.FactsOf(ctx, "acme", 0, 9, 10); return err }
		},
		"look for a message": func(t *testing.T, js jetstream.JetStream) asks {
			t.Helper()
			s := open(t, js, FactsDurable)
			return func(ctx context.Context) error {
				_, err := s.isLost(ctx, Delivery{Event: Event{At: Position{Sequence: 1}}})
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := runServer(t, &server.Options{})
			js := connect(t, broker.ClientURL())
			if err := (Topology{}).Ensure(t.Context(), js); err != nil {
				t.Fatal(err)
			}
			ask := prepare(t, js)
			// From now on, a client takes the questions in the broker's place, and never answers.
			if err := broker.DisableJetStream(); err != nil {
				t.Fatal(err)
			}
			mute, err := nats.Connect(broker.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(mute.Close)
			asked := make(chan struct{}, 100)
			if _, err = mute.Subscribe("$JS.API.>", func(*nats.Msg) { asked <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
			if err := mute.Flush(); err != nil {
				t.Fatal(err)
			}
			go func() {
				<-asked
				broker.Shutdown()
			}()
			if err = ask(t.Context()); !errors.Is(err, errLost) || !Away(err) || errors.Is(err, context.Canceled) {
				t.Errorf("it ends with: %v", err)
			}
		})
	}
}
