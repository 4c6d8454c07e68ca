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
	floor  uint64 // every fact up to here has been applied, by what has been seen
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

// ErrNotOurTurn says that an older fact has been with another worker for a while.
var ErrNotOurTurn = errors.New("an older fact is with another worker")

// turnWithin is how long a worker waits for others without giving back what it holds.
const turnWithin = 2 * time.Second

// Turn waits until the oldest of n facts that a worker holds back is the oldest that nobody has applied, and says how many of
// the n may be applied now: all of them where no other worker holds any, or just the oldest. Facts that depend on those before
// them are applied in the stream's order that way, however many workers apply facts. Two workers can't wait for each other:
// one of them has the oldest. But a worker that died may have had it, and then it comes to whoever asks the broker, which nobody
// does who waits: so it is [ErrNotOurTurn] after two seconds, and the caller returns its facts and fetches again.
func (b *Barrier) Turn(ctx context.Context, n int, oldest uint64) (int, error) {
	enough := time.After(turnWithin)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		info, err := b.facts.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("ask how far facts are applied: %w", err)
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
		case <-enough:
			return 0, ErrNotOurTurn
		case <-time.After(pause):
		}
	}
}

func (b *Barrier) applied(ctx context.Context, sequence uint64) (bool, error) {
	// What was applied once stays applied, also where a reset of the durable has taken its floor back. As a rule no fact has come
	// since the last look, and one question to the stream tells.
	applied, err := b.appliedFrom(ctx, b.floor, sequence)
	if err != nil {
		return false, err
	}
	if !applied {
		info, err := b.facts.Info(ctx)
		if err != nil {
			return false, fmt.Errorf("ask how far facts are applied: %w", err)
		}
		if b.floor >= info.AckFloor.Stream {
			return false, nil // nothing has been applied since
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
		return true, nil // no fact after the floor at all; those that come later are beyond the sequence
	case err != nil:
		return false, fmt.Errorf("ask for the next fact: %w", err)
	default:
		return next.Sequence >= sequence, nil
	}
}
