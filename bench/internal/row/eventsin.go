package row

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/part"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// incoming describes a sort of incoming event, and how to see that all of them are handled.
type incoming struct {
	row     string
	event   func(i int) *nats.Msg
	filter  string // the subjects
	durable string // the pipeline's durable
	peer    string // the peer's durable
	worker  string
	answers int // outcomes on the stream when all events are handled
}

// eventsIn measures a burst of events, published one by one: from the first publish until the last event is
// acknowledged and its outcome published. The broker syncs every two minutes here. If it synced every publish, the row
// would measure the disk.
func (b *Bench) eventsIn(ctx context.Context) error {
	template, err := b.unreachable(ctx, b.Contacts)
	if err != nil {
		return err
	}
	for _, s := range []incoming{
		{
			row: "events in, facts", filter: events.Facts.All(), durable: events.FactsDurable,
			peer: part.FactsPeer, worker: rig.BulkWorker,
			event: func(i int) *nats.Msg {
				n := strconv.Itoa(i)
				return firm.Contact("N-"+n, "New Contact "+n, "new."+n+"@mail-"+strconv.Itoa(i%300)+".example")
			},
		},
		{
			row: "events in, requests", filter: events.Requests.All(), durable: events.InviteDurable,
			peer: part.RequestsPeer, worker: rig.InviteWorker, answers: b.Contacts,
			event: func(i int) *nats.Msg { return firm.ShareWithNobody("share-"+strconv.Itoa(i), i%(b.Contacts/2)) },
		},
	} {
		msgs := make([]*nats.Msg, b.Contacts)
		for i := range msgs {
			msgs[i] = s.event(i)
		}
		err := b.alternate(ctx, s.row,
			contender{pipeline, func(ctx context.Context) (measure.Sample, error) { return b.take(ctx, template, s, msgs) }},
			contender{floor, func(ctx context.Context) (measure.Sample, error) { return b.takeFloor(ctx, s, msgs) }},
			contender{peer, func(ctx context.Context) (measure.Sample, error) { return b.takePeer(ctx, template, s, msgs) }})
		if err != nil {
			return err
		}
		b.compare(s.row, floor, measure.PerOp, measure.AtLeast, 0.5, s.row+", against an empty consumer with unnest")
		b.compare(s.row, peer, measure.PerOp, measure.AtLeast, 3, s.row+", against a Watermill router")
		b.compareCPU(s.row, floor, s.row+", against an empty consumer with unnest")
		b.compareCPU(s.row, peer, s.row+", against a Watermill router")
	}
	return nil
}

// take measures the pipeline.
func (b *Bench) take(ctx context.Context, template string, in incoming, msgs []*nats.Msg) (measure.Sample, error) {
	s, err := b.startTrial(ctx, in.worker, b.Rig.Relaxed, template)
	if err != nil {
		return measure.Sample{}, err
	}
	return b.burst(ctx, s, in, in.durable, msgs)
}

// burst publishes the messages, and waits until the trial's process has handled them.
func (b *Bench) burst(
	ctx context.Context, s *trial, in incoming, durable string, msgs []*nats.Msg,
) (measure.Sample, error) {
	meter := b.Rig.Measure(ctx, s.broker, s.Process)
	began := time.Now()
	if err := publishAsync(ctx, s.broker, msgs); err != nil {
		return measure.Sample{}, err
	}
	if err := s.broker.AwaitDurable(ctx, durable); err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, s.Tail())
	}
	if err := s.broker.AwaitOutcomes(ctx, in.answers); err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, s.Tail())
	}
	took := time.Since(began)
	more := meter.Each(ctx, len(msgs))
	_, err := s.finish(ctx)
	return measure.Sample{Ops: len(msgs), Took: took, More: more}, err
}

// publishAsync publishes the messages one at a time, and then waits for all acknowledgements. The client stalls by
// itself if too many acknowledgements are pending.
func publishAsync(ctx context.Context, broker *rig.Broker, msgs []*nats.Msg) error {
	for _, msg := range msgs {
		for {
			_, err := broker.JS.PublishMsgAsync(msg)
			if err == nil {
				break
			}
			if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) || ctx.Err() != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	select {
	case <-broker.JS.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeFloor measures the floor: a consumer that only stores the same messages.
func (b *Bench) takeFloor(ctx context.Context, in incoming, msgs []*nats.Msg) (measure.Sample, error) {
	broker := b.Rig.Relaxed
	d, err := b.empty(ctx, broker, "")
	if err != nil {
		return measure.Sample{}, err
	}
	defer d.Close()
	if _, err := d.Pool.Exec(ctx, `CREATE TABLE floor_events (
		sequence bigint PRIMARY KEY, subject text NOT NULL, data text NOT NULL)`); err != nil {
		return measure.Sample{}, fmt.Errorf("make the table: %w", err)
	}
	consumer, err := broker.JS.CreateOrUpdateConsumer(ctx, events.EventsStream, jetstream.ConsumerConfig{
		Durable: "floor", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: in.filter, MaxAckPending: 10_000,
	})
	if err != nil {
		return measure.Sample{}, fmt.Errorf("make the durable: %w", err)
	}
	meter := b.Rig.Measure(ctx, broker, nil)
	began := time.Now()
	published := make(chan error, 1)
	go func() { published <- publishAsync(ctx, broker, msgs) }()
	for kept := 0; kept < len(msgs); {
		n, err := keepBatch(ctx, d, consumer)
		if err != nil {
			return measure.Sample{}, err
		}
		kept += n
	}
	if err := <-published; err != nil {
		return measure.Sample{}, err
	}
	if err := broker.AwaitDurable(ctx, "floor"); err != nil {
		return measure.Sample{}, err
	}
	took := time.Since(began)
	return measure.Sample{Ops: len(msgs), Took: took, More: meter.Each(ctx, len(msgs))}, nil
}

// keepBatch fetches the messages that are ready, inserts them with unnest, and acknowledges them.
func keepBatch(ctx context.Context, d *rig.Database, consumer jetstream.Consumer) (int, error) {
	batch, err := consumer.FetchNoWait(floorBatch)
	if err != nil {
		return 0, fmt.Errorf("fetch: %w", err)
	}
	var taken []jetstream.Msg
	var sequences []int64
	var subjects, data []string
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return 0, fmt.Errorf("fetch: %w", err)
		}
		taken = append(taken, msg)
		sequences = append(sequences, int64(meta.Sequence.Stream))
		subjects, data = append(subjects, msg.Subject()), append(data, string(msg.Data()))
	}
	if len(taken) == 0 {
		return 0, ctx.Err()
	}
	if _, err := d.Pool.Exec(ctx, `INSERT INTO floor_events SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])`,
		sequences, subjects, data); err != nil {
		return 0, fmt.Errorf("keep events: %w", err)
	}
	for _, msg := range taken {
		if err := msg.Ack(); err != nil {
			return 0, fmt.Errorf("acknowledge: %w", err)
		}
	}
	return len(taken), nil
}

// takePeer measures the peer: a Watermill router that handles the same messages.
func (b *Bench) takePeer(ctx context.Context, template string, in incoming, msgs []*nats.Msg) (measure.Sample, error) {
	db, err := b.empty(ctx, b.Rig.Relaxed, template)
	if err != nil {
		return measure.Sample{}, err
	}
	p, _, err := b.Rig.Part(ctx, b.Rig.Env(b.Rig.Relaxed, db), "watermill")
	if err != nil {
		return measure.Sample{}, err
	}
	return b.burst(ctx, &trial{Process: p, broker: b.Rig.Relaxed, db: db}, in, in.peer, msgs)
}
