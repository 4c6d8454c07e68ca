package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Ahead returns the durables that have been given messages beyond the last one of their stream. The broker gives such a
// durable no message before the stream has grown past it.
func Ahead(ctx context.Context, js jetstream.JetStream) (ahead map[string]uint64, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	durables, last, err := deliveredBy(ctx, js)
	if err != nil {
		return nil, err
	}
	ahead = map[string]uint64{}
	for name, info := range durables {
		if info.Delivered.Stream > last {
			ahead[name] = info.Delivered.Stream
		}
	}
	return ahead, nil
}

// SetBack sets back the durables that have been given a message from the sequence on. No message before it that has not
// been acknowledged is skipped.
func SetBack(ctx context.Context, js jetstream.JetStream, sequence uint64) error {
	durables, _, err := deliveredBy(ctx, js)
	if err != nil {
		return err
	}
	for name, info := range durables {
		if info.Delivered.Stream < sequence {
			continue
		}
		to := min(sequence, info.AckFloor.Stream+1)
		if _, err := js.ResetConsumerToSequence(ctx, EventsStream, name, to); err != nil {
			return fmt.Errorf("set durable %s back to sequence %d: %w", name, to, err)
		}
	}
	return nil
}

// AckFloors returns up to where each durable is acknowledged, and when the stream was created.
func AckFloors(ctx context.Context, js jetstream.JetStream) (created time.Time, floors map[string]uint64, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, EventsStream) // before the durables: those of a new stream have come less far
	if err != nil {
		return created, nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	durables, _, err := deliveredBy(ctx, js)
	if err != nil {
		return created, nil, err
	}
	floors = make(map[string]uint64, len(durables))
	for name, info := range durables {
		floors[name] = info.AckFloor.Stream
	}
	return stream.CachedInfo().Created, floors, nil
}

// ResetDurables has the messages of durables delivered again, each from a sequence on.
func ResetDurables(ctx context.Context, js jetstream.JetStream, to map[string]uint64) error {
	for name, sequence := range to {
		if _, err := js.ResetConsumerToSequence(ctx, EventsStream, name, sequence); err != nil {
			return fmt.Errorf("set durable %s back to sequence %d: %w", name, sequence, err)
		}
	}
	return nil
}

// deliveredBy returns the state of each durable, and the stream's last sequence.
func deliveredBy(ctx context.Context, js jetstream.JetStream) (map[string]*jetstream.ConsumerInfo, uint64, error) {
	durables := map[string]*jetstream.ConsumerInfo{}
	for _, name := range []string{FactsDurable, InviteDurable, BulkDurable} {
		consumer, err := js.Consumer(ctx, EventsStream, name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue // whoever opens it next creates it
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read the state of durable %s: %w", name, err)
		}
		durables[name] = consumer.CachedInfo()
	}
	stream, err := js.Stream(ctx, EventsStream) // after the durables, which follow it
	if err != nil {
		return nil, 0, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	return durables, stream.CachedInfo().State.LastSeq, nil
}
