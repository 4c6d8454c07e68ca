package events

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Oldest returns the sequence of the oldest message of a durable that is not acknowledged, or 0 if there is none.
func Oldest(ctx context.Context, js jetstream.JetStream, durable string) (sequence uint64, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return 0, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	consumer, err := stream.Consumer(ctx, durable)
	if err != nil {
		return 0, fmt.Errorf("read the state of durable %s: %w", durable, err)
	}
	info := consumer.CachedInfo()
	next, err := nextMessage(ctx, stream, info.Config.FilterSubject, info.AckFloor.Stream)
	if err != nil || next == nil {
		return 0, err
	}
	return next.Sequence, nil
}
