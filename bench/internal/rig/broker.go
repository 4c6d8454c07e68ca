package rig

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// Broker is a NATS server in a process of its own, and our connection to it.
type Broker struct {
	*Process
	Sync string // always or default
	URL  string
	Conn *nats.Conn
	JS   jetstream.JetStream
}

func (r *Rig) startBroker(ctx context.Context, sync string) (*Broker, error) {
	p, address, err := r.Part(ctx, nil, "broker", "--dir", filepath.Join(r.dir, "nats-"+sync), "--sync", sync)
	if err != nil {
		return nil, err
	}
	b := &Broker{Process: p, Sync: sync, URL: address}
	if b.Conn, err = nats.Connect(address); err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	// As many as the server takes without stalling us; PublishAsync is the floor's way in.
	if b.JS, err = jetstream.New(b.Conn, jetstream.WithPublishAsyncMaxPending(4000)); err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return b, nil
}

// FreshStreams drops what the streams hold, durables and all.
func (b *Broker) FreshStreams(ctx context.Context) error {
	for _, stream := range []string{events.EventsStream, events.OutcomesStream, events.DeadLettersStream} {
		if err := b.JS.DeleteStream(ctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("drop stream %s: %w", stream, err)
		}
	}
	return events.Topology{}.Ensure(ctx, b.JS)
}

// Where nothing tells us we ask, which costs the broker and us. So the pause
// grows with what is measured: it is a hundredth of it, and no less than look.
const (
	look      = 5 * time.Millisecond
	precision = 100
)

// until asks until the answer is yes.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-timer.C:
		}
		ok, err := done()
		if err != nil || ok {
			return err
		}
		timer.Reset(max(look, time.Since(began)/precision))
	}
}

// AwaitOutcomes returns when the outcome stream holds that many messages.
func (b *Broker) AwaitOutcomes(ctx context.Context, n int) error {
	stream, err := b.JS.Stream(ctx, events.OutcomesStream)
	if err != nil {
		return fmt.Errorf("look up the outcomes: %w", err)
	}
	return until(ctx, fmt.Sprintf("%d outcomes", n), func() (bool, error) {
		info, err := stream.Info(ctx)
		if err != nil {
			return false, fmt.Errorf("look at the outcomes: %w", err)
		}
		return info.State.Msgs >= uint64(n), nil
	})
}

// AwaitSubject returns when the outcome stream holds a message of that subject.
func (b *Broker) AwaitSubject(ctx context.Context, subject string) error {
	return until(ctx, subject, func() (bool, error) {
		n, err := b.Outcomes(ctx, subject)
		return n > 0, err
	})
}

// Outcomes counts the messages below a subject of the outcome stream.
func (b *Broker) Outcomes(ctx context.Context, subject string) (int, error) {
	stream, err := b.JS.Stream(ctx, events.OutcomesStream)
	if err != nil {
		return 0, fmt.Errorf("look up the outcomes: %w", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("look at the outcomes: %w", err)
	}
	n := 0
	for _, count := range info.State.Subjects {
		n += int(count)
	}
	return n, nil
}

// Bytes are how many bytes a stream takes on disk, and how many messages it
// has.
func (b *Broker) Bytes(ctx context.Context, stream string) (bytes, messages uint64, err error) {
	s, err := b.JS.Stream(ctx, stream)
	if err != nil {
		return 0, 0, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	return info.State.Bytes, info.State.Msgs, nil
}

// AwaitDurable returns when everything on the events stream that a durable
// reads is acknowledged. It asks by the client's older interface, which knows
// push consumers as well: a peer's is one.
func (b *Broker) AwaitDurable(ctx context.Context, durable string) error {
	js, err := b.Conn.JetStream()
	if err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	return until(ctx, "durable "+durable, func() (bool, error) {
		info, err := js.ConsumerInfo(events.EventsStream, durable, nats.Context(ctx))
		if err != nil {
			return false, fmt.Errorf("look at durable %s: %w", durable, err)
		}
		return info.NumPending == 0 && info.NumAckPending == 0, nil
	})
}

// Reset has a durable deliver everything again, from the stream's first event.
func (b *Broker) Reset(ctx context.Context, durable string) error {
	stream, err := b.JS.Stream(ctx, events.EventsStream)
	if err != nil {
		return fmt.Errorf("look up the events: %w", err)
	}
	if _, err := stream.ResetConsumerToSequence(ctx, durable, 1); err != nil {
		return fmt.Errorf("reset durable %s: %w", durable, err)
	}
	return nil
}
