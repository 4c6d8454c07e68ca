package oracle

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// ReadStream returns the messages of a stream, in order.
func ReadStream(ctx context.Context, js jetstream.JetStream, name string) ([]Message, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	left := stream.CachedInfo().State.Msgs
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	incoming, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	defer incoming.Stop()
	var found []Message
	for ; left > 0; left-- {
		msg, err := incoming.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("stream %s, with %d messages left: %w", name, left, err)
		}
		place, err := msg.Metadata()
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", name, err)
		}
		m := Message{Sequence: place.Sequence.Stream, Subject: msg.Subject(), Header: map[string]string{}, Body: msg.Data()}
		for name, values := range msg.Headers() {
			m.Header[strings.ToLower(name)] = values[0]
		}
		found = append(found, m)
	}
	return found, nil
}
