package events

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A broker takes a question, and goes away without an answer. Nobody waits until the question's own time is over.
func TestAQuestionEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(context.Context, jetstream.JetStream) error{
		"ensure": func(ctx context.Context, js jetstream.JetStream) error { return Topology{}.Ensure(ctx, js) },
		"open a source": func(ctx context.Context, js jetstream.JetStream) error {
			_, err := OpenSource(ctx, js, FactsDurable)
			return err
		},
		"open a barrier": func(ctx context.Context, js jetstream.JetStream) error {
			_, err := OpenBarrier(ctx, js)
			return err
		},
		"compare with a mark": func(ctx context.Context, js jetstream.JetStream) error {
			_, _, err := WentBack(ctx, js, Mark{Sequence: 1})
			return err
		},
		"read the floors": func(ctx context.Context, js jetstream.JetStream) error {
			_, _, err := AckFloors(ctx, js)
			return err
		},
		"look at the outcomes": func(ctx context.Context, js jetstream.JetStream) error {
			_, _, err := OutcomeStream(ctx, js)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := runServer(t, &server.Options{})
			js := connect(t, broker.ClientURL())
			// No broker has this domain. A client takes the questions to it, and never answers.
			mute, err := nats.Connect(broker.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(mute.Close)
			asked := make(chan struct{}, 100)
			if _, err = mute.Subscribe("$JS.mute.API.>", func(*nats.Msg) { asked <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
			if err := mute.Flush(); err != nil {
				t.Fatal(err)
			}
			if js, err = jetstream.NewWithDomain(js.Conn(), "mute"); err != nil {
				t.Fatal(err)
			}
			go func() {
				<-asked
				broker.Shutdown()
			}()
			if err = ask(t.Context(), js); !errors.Is(err, errLost) || !Away(err) || errors.Is(err, context.Canceled) {
				t.Errorf("it ends with: %v", err)
			}
		})
	}
}
