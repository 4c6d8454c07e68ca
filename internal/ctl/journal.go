package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// journal reads the outcomes stream in order and leaves nothing behind: its ordered consumer is its own, and the broker
// deletes it.
type journal struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	last     uint64 // the stream's last sequence when the journal was opened
}

// from is where a journal begins.
type from struct {
	since time.Time // zero: see now
	now   bool      // only new outcomes; false: from the beginning of the stream
}

func openJournal(ctx context.Context, js jetstream.JetStream, start from, filters ...string) (*journal, error) {
	stream, err := js.Stream(ctx, events.OutcomesStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, noStream(events.OutcomesStream)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", events.OutcomesStream, err)
	}
	j := &journal{js: js, last: stream.CachedInfo().State.LastSeq}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: filters, DeliverPolicy: jetstream.DeliverAllPolicy}
	switch {
	case start.now:
		// Not the policy for new messages: after a broken connection the client makes the consumer again, and it would start
		// later.
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, j.last+1
	case !start.since.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &start.since
	}
	if j.consumer, err = js.OrderedConsumer(ctx, events.OutcomesStream, cfg); err != nil {
		return nil, fmt.Errorf("read stream %s: %w", events.OutcomesStream, err)
	}
	return j, nil
}

// noStream says that the broker has not got one of our streams, and what may be wrong.
func noStream(stream string) error {
	return fmt.Errorf("there is no stream %s: no worker has ever run on this broker; does NATS_URL name the right one?",
		stream)
}

// errEnough makes a journal stop reading.
var errEnough = errors.New("enough")

// read calls each for every outcome in the stream, up to the end that the stream had when the journal was opened. With
// follow it goes on with new outcomes, until the context ends or each returns errEnough.
func (j *journal) read(ctx context.Context, follow bool, each func(outcome) error) error {
	if !follow {
		info, err := j.consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", events.OutcomesStream, err)
		}
		if info.NumPending == 0 {
			return nil
		}
	}
	messages, err := j.consumer.Messages()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", events.OutcomesStream, err)
	}
	defer messages.Stop()
	for err == nil {
		err = j.next(ctx, messages, follow, each)
	}
	if errors.Is(err, errEnough) || errors.Is(ctx.Err(), context.Canceled) {
		return nil // asked to stop
	}
	return err
}

// next calls each for one outcome. It returns errEnough after the last one.
func (j *journal) next(ctx context.Context, messages jetstream.MessagesContext, follow bool,
	each func(outcome) error) error {
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", events.OutcomesStream, err)
	}
	o, err := readOutcome(msg)
	if err != nil {
		return err
	}
	if !follow && o.Sequence > j.last {
		return errEnough
	}
	if err := each(o); err != nil {
		return err
	}
	if !follow && (o.Sequence == j.last || o.behind == 0) {
		return errEnough
	}
	return nil
}
