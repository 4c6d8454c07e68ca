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

// Broker is a NATS server in a separate process, and our connection to it.
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
	// This is the greatest number that does not stall. The floor publishes with PublishAsync.
	if b.JS, err = jetstream.New(b.Conn, jetstream.WithPublishAsyncMaxPending(4000)); err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return b, nil
}

// FreshStreams deletes the streams with their messages and durables, and creates them anew.
func (b *Broker) FreshStreams(ctx context.Context) error {
	for _, stream := range []string{events.EventsStream, events.OutcomesStream, events.DeadLettersStream} {
		if err := b.JS.DeleteStream(ctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("drop stream %s: %w", stream, err)
		}
	}
	return events.Topology{}.Ensure(ctx, b.JS)
}

// If nothing notifies us, we poll, which costs the broker and us time. So the pause grows with the measured time: it is
// a hundredth of it, and at least look.
const (
	look      = 5 * time.Millisecond
	precision = 100
)

// until polls until done returns true.
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

// AwaitOutcomes returns when the outcome stream has n messages.
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

// AwaitSubject returns when the outcome stream has a message with that subject.
func (b *Broker) AwaitSubject(ctx context.Context, subject string) error {
	return until(ctx, subject, func() (bool, error) {
		n, err := b.Outcomes(ctx, subject)
		return n > 0, err
	})
}

// Outcomes counts the messages of the outcome stream that match a subject.
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

// Bytes returns how many bytes a stream takes on disk, and how many messages it has.
func (b *Broker) Bytes(ctx context.Context, stream string) (bytes, messages uint64, err error) {
	s, err := b.JS.Stream(ctx, stream)
	if err != nil {
		return 0, 0, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	return info.State.Bytes, info.State.Msgs, nil
}

// AwaitDurable returns when all messages of a durable on the events stream are acknowledged. It uses the client's older
// interface, which also supports push consumers, since a peer has one.
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

// Reset resets a durable to the stream's first event, so that the broker redelivers everything.
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
