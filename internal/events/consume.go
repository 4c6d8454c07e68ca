package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is a message that a durable delivered to a worker. It belongs to the goroutine that fetched it, until that
// goroutine passes it on.
type Delivery struct {
	Event
	Unreadable error // why the message could not be read; the Event then has only the parts that could be
	msg        jetstream.Msg
}

// Source fetches from one durable of PORTAL_EVENTS. Its fields never change, so several goroutines may use it.
type Source struct {
	js      jetstream.JetStream
	durable string
	stream  jetstream.Stream
	cons    jetstream.Consumer
}

// OpenSource binds to a durable that [Topology.Ensure] has made.
func OpenSource(ctx context.Context, js jetstream.JetStream, durable string) (*Source, error) {
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	cons, err := stream.Consumer(ctx, durable)
	if err != nil {
		return nil, fmt.Errorf("open durable %s: %w", durable, err)
	}
	return &Source{js: js, durable: durable, stream: stream, cons: cons}, nil
}

// Fetch waits for the next message and returns it with the messages that are ready behind it, at most n in all. They
// are in the stream's order, although the broker redelivers messages in the order in which they were returned or timed
// out. Fetch returns nothing, and no error, if no message came within 20 seconds.
func (s *Source) Fetch(ctx context.Context, n int) ([]Delivery, error) {
	batch, err := s.fetch(ctx, n)
	slices.SortFunc(batch, func(a, b Delivery) int { return cmp.Compare(a.At.Sequence, b.At.Sequence) })
	return batch, err
}

func (s *Source) fetch(ctx context.Context, n int) ([]Delivery, error) {
	msgs, err := s.take(ctx, n, func() (jetstream.MessageBatch, error) { return s.cons.FetchNoWait(n) })
	if err != nil || len(msgs) > 0 {
		return msgs, err
	}
	waitCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	head, err := s.take(ctx, 1, func() (jetstream.MessageBatch, error) {
		return s.cons.Fetch(1, jetstream.FetchContext(waitCtx), jetstream.FetchHeartbeat(5*time.Second))
	})
	if err != nil || len(head) == 0 || n == 1 {
		return head, err
	}
	tail, err := s.take(ctx, n-1, func() (jetstream.MessageBatch, error) { return s.cons.FetchNoWait(n - 1) })
	if err != nil {
		return head, nil // handle the first message now; the next fetch meets the error again
	}
	return append(head, tail...), nil
}

func (s *Source) take(ctx context.Context, n int, fetch func() (jetstream.MessageBatch, error)) ([]Delivery, error) {
	batch, err := fetch()
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", s.durable, err)
	}
	deliveries := make([]Delivery, 0, n)
	for msg := range batch.Messages() {
		d, err := s.deliver(msg)
		if err != nil {
			return deliveries, err
		}
		deliveries = append(deliveries, d)
	}
	if err := batch.Error(); err != nil && !nothingCame(err) && ctx.Err() == nil && len(deliveries) == 0 {
		return nil, fmt.Errorf("fetch from %s: %w", s.durable, err)
	}
	return deliveries, ctx.Err()
}

func nothingCame(err error) bool {
	return errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, context.DeadlineExceeded)
}

func (s *Source) deliver(msg jetstream.Msg) (Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Delivery{}, fmt.Errorf("read metadata of a message from %s: %w", s.durable, err)
	}
	event, unreadable := Decode(msg.Subject(), msg.Headers(), msg.Data())
	event.At = Position{Stream: s.stream.CachedInfo().Created, Sequence: meta.Sequence.Stream}
	return Delivery{Event: event, Unreadable: unreadable, msg: msg}, nil
}

// Ack tells the broker that the deliveries are handled. If an ack is lost, the broker redelivers the message. Every
// handler must be ready for that anyway.
func Ack(deliveries []Delivery) {
	for _, d := range deliveries {
		_ = d.msg.Ack()
	}
}

// Return gives deliveries back to the broker, which redelivers them at once to any worker that fetches.
func Return(deliveries []Delivery) {
	for _, d := range deliveries {
		_ = d.msg.Nak()
	}
}

// InProgress asks the broker to wait another ackWait for each delivery.
func InProgress(deliveries []Delivery) {
	for _, d := range deliveries {
		_ = d.msg.InProgress()
	}
}

// ProgressEvery is how often a worker calls [InProgress] while it holds deliveries.
const ProgressEvery = ackWait / 4

// Bury moves a delivery that can't be handled to the dead letters: it publishes the letter with the reason, calls
// record, and then acknowledges. In this order, a crash loses neither the message nor its record.
func (s *Source) Bury(
	ctx context.Context, d Delivery, reason error, now time.Time, record func(context.Context) error,
) error {
	letter := deadLetter(d, reason, s.durable, now)
	if letter.Size() > int(s.js.Conn().MaxPayload()) {
		shorten(letter)
	}
	if _, err := s.js.PublishMsg(ctx, letter); err != nil {
		return fmt.Errorf("publish a dead letter for sequence %d: %w", d.At.Sequence, err)
	}
	if err := record(ctx); err != nil {
		return err
	}
	Ack([]Delivery{d})
	return nil
}
