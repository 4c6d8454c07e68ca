package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Barrier makes requests wait until the facts before them are applied. It belongs to one goroutine: no lock guards its
// fields.
type Barrier struct {
	stream jetstream.Stream
	facts  jetstream.Consumer
	floor  uint64 // every fact up to here is known to be applied
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

// Wait returns when every fact before the sequence has been applied, by any worker. That is so in two cases: the ack
// floor F of the facts durable has passed the sequence, or the stream's leader has no fact between F and the sequence.
// To ask the durable how many messages are pending is not enough: in a cluster, its leader may lag behind the stream's.
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

// ErrNotOurTurn says that another worker has held an older fact for two seconds.
var ErrNotOurTurn = errors.New("an older fact is with another worker")

// turnWithin is how long a worker keeps its facts while it waits for other workers.
const turnWithin = 2 * time.Second

// Turn waits until the oldest of the caller's n facts is the oldest fact that nobody has applied. It returns how many
// of the n may be applied now: all of them if no other worker has fetched facts, otherwise 1. That keeps facts which
// depend on earlier facts in the stream's order, however many workers apply facts. Two workers can't wait for each
// other, since one of them has the oldest.
//
// The worker with the oldest fact may have died. The broker redelivers only to workers that fetch, and a waiting worker
// does not fetch. So Turn gives up with [ErrNotOurTurn] after two seconds, and the caller returns its facts and fetches
// again.
func (b *Barrier) Turn(ctx context.Context, n int, oldest uint64) (int, error) {
	timeout := time.After(turnWithin)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		info, err := b.facts.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("read the state of durable %s: %w", FactsDurable, err)
		}
		if info.NumAckPending <= n {
			return n, nil
		}
		applied, err := b.appliedFrom(ctx, info.AckFloor.Stream, oldest)
		if err != nil {
			return 0, err
		}
		if applied {
			return 1, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-timeout:
			return 0, ErrNotOurTurn
		case <-time.After(pause):
		}
	}
}

func (b *Barrier) applied(ctx context.Context, sequence uint64) (bool, error) {
	// A fact that was applied once stays applied, even if a reset of the durable has moved its ack floor back. Usually no
	// fact has arrived since the last call, and then this one question to the stream is enough.
	applied, err := b.appliedFrom(ctx, b.floor, sequence)
	if err != nil {
		return false, err
	}
	if !applied {
		info, err := b.facts.Info(ctx)
		if err != nil {
			return false, fmt.Errorf("read the state of durable %s: %w", FactsDurable, err)
		}
		if b.floor >= info.AckFloor.Stream {
			return false, nil // no fact has been applied since the last call
		}
		b.floor = info.AckFloor.Stream
		if applied, err = b.appliedFrom(ctx, b.floor, sequence); err != nil || !applied {
			return false, err
		}
	}
	b.floor = max(b.floor, sequence)
	return true, nil
}

// appliedFrom says whether there is no fact between the ack floor and the sequence.
func (b *Barrier) appliedFrom(ctx context.Context, floor, sequence uint64) (bool, error) {
	if floor >= sequence {
		return true, nil
	}
	next, err := b.stream.GetMsg(ctx, floor+1, jetstream.WithGetMsgSubject(Facts.All()))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return true, nil // there is no fact after the floor; later ones get higher sequences
	case err != nil:
		return false, fmt.Errorf("read the next fact: %w", err)
	default:
		return next.Sequence >= sequence, nil
	}
}
