package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Barrier holds back requests until the facts before them are applied.
type Barrier struct {
	stream jetstream.Stream
	facts  jetstream.Consumer
	floor  uint64 // every fact up to here has been applied, as far as we have seen
}

// OpenBarrier binds to the facts durable.
func OpenBarrier(ctx context.Context, js jetstream.JetStream) (*Barrier, error) {
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	facts, err := stream.Consumer(ctx, FactsDurable)
	if err != nil {
		return nil, fmt.Errorf("open durable %s: %w", FactsDurable, err)
	}
	return &Barrier{stream: stream, facts: facts}, nil
}

// Wait returns when every fact before the sequence has been applied, whichever workers apply them: the facts durable's ack
// floor F has passed it, or the stream's leader, asked for the next fact after F, has none before it. Asking the
// durable what is pending is not enough, since in a cluster its leader may lag behind the stream's.
func (b *Barrier) Wait(ctx context.Context, sequence uint64) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		applied, err := b.applied(ctx, sequence)
		if err != nil || applied {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (b *Barrier) applied(ctx context.Context, sequence uint64) (bool, error) {
	if b.floor >= sequence {
		return true, nil
	}
	info, err := b.facts.Info(ctx)
	if err != nil {
		return false, fmt.Errorf("ask how far facts are applied: %w", err)
	}
	floor := info.AckFloor.Stream
	if floor < sequence {
		next, err := b.stream.GetMsg(ctx, floor+1, jetstream.WithGetMsgSubject(Facts.All()))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			// No fact after the floor at all; those that come later are beyond the sequence.
		case err != nil:
			return false, fmt.Errorf("ask for the next fact: %w", err)
		case next.Sequence < sequence:
			return false, nil
		}
	}
	// A reset of the durable may take its floor back; what was applied once stays applied.
	b.floor = max(b.floor, sequence)
	return true, nil
}
