package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is a message that a durable delivered to a worker. It belongs to the goroutine that fetched it, until that
// goroutine passes it on.
type Delivery struct {
	Event
	Unreadable error // why the message could not be read; the Event then has only the parts that could be
	// Waited says that a stage has left the delivery for later, because facts before it were not applied. Stages set it.
	Waited bool

	msg    *nats.Msg
	nth    uint64 // how many deliveries the durable had made with this one
	again  bool   // it was delivered before
	stored int64  // when the broker stored it, in nanoseconds
}

// Source fetches from one durable of PORTAL_EVENTS. Its fields don't change after [Source.PlaceBy], so several
// goroutines may use it.
type Source struct {
	js      jetstream.JetStream
	durable string
	stream  jetstream.Stream
	puller  *puller
	placer  Placer // nil: positions have the stream's creation time
}

// OpenSource binds to a durable that [Topology.Ensure] has made.
func OpenSource(ctx context.Context, js jetstream.JetStream, durable string) (_ *Source, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	if _, err := stream.Consumer(ctx, durable); err != nil {
		return nil, fmt.Errorf("open durable %s: %w", durable, err)
	}
	return &Source{js: js, durable: durable, stream: stream, puller: newPuller(js, durable)}, nil
}

// PlaceBy makes the source ask who knows the stream's epochs for the positions of messages. Call it before the first
// fetch.
func (s *Source) PlaceBy(p Placer) { s.placer = p }

// Fetch waits for the next message and returns it with the messages that are ready behind it, at most n in all. They
// are in the stream's order, although the broker redelivers messages in the order in which they were returned or timed
// out. Fetch returns nothing, and no error, if no message came within a second.
func (s *Source) Fetch(ctx context.Context, n int) ([]Delivery, error) {
	batch, err := s.place(ctx, func() ([]Delivery, error) { return s.fetch(ctx, n) })
	return InOrder(batch), err
}

// FetchReady returns the messages that are ready, at most n, in the stream's order. It does not wait for one.
func (s *Source) FetchReady(ctx context.Context, n int) ([]Delivery, error) {
	batch, err := s.place(ctx, func() ([]Delivery, error) { return s.fetchReady(ctx, n) })
	return InOrder(batch), err
}

// InOrder sorts a batch into the stream's order, and returns it.
func InOrder(batch []Delivery) []Delivery {
	slices.SortFunc(batch, func(a, b Delivery) int { return cmp.Compare(a.At.Sequence, b.At.Sequence) })
	return batch
}

func (s *Source) fetchReady(ctx context.Context, n int) ([]Delivery, error) {
	return s.take(ctx, pull{Batch: n, MaxBytes: s.maxBytes(), NoWait: true})
}

// fetchWithin is how long a fetch waits for a message to come. For as long, the broker may give the next message to a
// worker that was just paused or cut off, and then nobody has it before the ack wait is over (ADR 126).
const fetchWithin = time.Second

func (s *Source) fetch(ctx context.Context, n int) ([]Delivery, error) {
	ready, err := s.fetchReady(ctx, n)
	if err != nil || len(ready) > 0 {
		return ready, err
	}
	head, err := s.take(ctx, pull{Batch: 1, Expires: fetchWithin})
	if err != nil || len(head) == 0 || n == 1 {
		return head, err
	}
	tail, err := s.take(ctx, pull{Batch: n - 1, MaxBytes: s.maxBytes(), NoWait: true})
	if err != nil && ctx.Err() == nil {
		err = nil // handle the first message now; the next fetch meets the error again
	}
	return append(head, tail...), err
}

// batchBytes is how much a batch may weigh. A worker holds a batch of each of its durables, and the next one.
const batchBytes = 4 << 20

// maxBytes is never less than the largest message weighs, which the server counts with subject, reply and header.
func (s *Source) maxBytes() int {
	const around = 64 << 10
	return max(batchBytes, int(s.js.Conn().MaxPayload())+around)
}

// take pulls once. A message that is larger than the whole batch may be is taken alone.
func (s *Source) take(ctx context.Context, p pull) ([]Delivery, error) {
	msgs, err := s.puller.do(ctx, p)
	if errors.Is(err, errTooLarge) && len(msgs) == 0 {
		p.Batch, p.MaxBytes = 1, 0
		msgs, err = s.puller.do(ctx, p)
	}
	if errors.Is(err, errTooLarge) {
		err = nil // the next pull takes it
	}
	deliveries := make([]Delivery, 0, len(msgs))
	for _, msg := range msgs {
		d, deliverErr := s.deliver(msg)
		if deliverErr != nil {
			return deliveries, deliverErr
		}
		deliveries = append(deliveries, d)
	}
	return deliveries, err
}

func (s *Source) deliver(msg *nats.Msg) (Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Delivery{}, fmt.Errorf("read metadata of a message from %s: %w", s.durable, err)
	}
	event, unreadable := Decode(msg.Subject, msg.Header, msg.Data)
	event.At = Position{Stream: s.stream.CachedInfo().Created, Sequence: meta.Sequence.Stream}
	return Delivery{
		Event: event, Unreadable: unreadable, msg: msg, nth: meta.Sequence.Consumer, again: meta.NumDelivered > 1,
		stored: meta.Timestamp.UnixNano(),
	}, nil
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

// Recipients is how many people a request names; 1 for any other message.
func (d Delivery) Recipients() int {
	if request, ok := d.Data.(*Request); ok {
		return max(len(request.Recipients), 1)
	}
	return 1
}

// Weight is the size of a message in bytes.
func (d Delivery) Weight() int { return d.msg.Size() }

// InProgress asks the broker to wait another ackWait for each delivery.
func InProgress(deliveries []Delivery) {
	for _, d := range deliveries {
		_ = d.msg.InProgress()
	}
}

// ProgressEvery is how often a worker calls [InProgress] while it holds deliveries of a durable.
func ProgressEvery(durable string) time.Duration { return ackWaitOf(durable) / 4 }

// Burial is a delivery that can't be handled, and why.
type Burial struct {
	Delivery
	Reason error
}

// Bury moves deliveries that can't be handled to the dead letters: it publishes the letters with the reasons, calls
// record, and then acknowledges. In this order, a crash loses neither a message nor its record.
func (s *Source) Bury(ctx context.Context, list []Burial, now time.Time, record func(context.Context) error) error {
	letters, deliveries := make([]*nats.Msg, len(list)), make([]Delivery, len(list))
	for i, b := range list {
		deliveries[i] = b.Delivery
		letters[i] = deadLetter(b.Delivery, b.Reason, s.durable, now)
		if letters[i].Size() > int(s.js.Conn().MaxPayload()) {
			shorten(letters[i])
		}
	}
	if err := Publish(ctx, s.js, letters); err != nil {
		return fmt.Errorf("publish dead letters from sequence %d on: %w", list[0].At.Sequence, err)
	}
	if err := record(ctx); err != nil {
		return err
	}
	Ack(deliveries)
	return nil
}
