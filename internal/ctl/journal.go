package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// journal reads the stream of outcomes, in order and without leaving anything in it: an ordered consumer of its own, which
// the broker forgets.
type journal struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	last     uint64 // the stream's last sequence when the journal was opened
}

// from is where a journal begins.
type from struct {
	since time.Time // zero: see now
	now   bool      // only what comes from now on; otherwise the beginning of the stream
}

func openJournal(ctx context.Context, js jetstream.JetStream, start from, filters ...string) (*journal, error) {
	stream, err := js.Stream(ctx, events.OutcomesStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("there is no stream %s: no worker has ever run on this broker; does NATS_URL name the right one?", events.OutcomesStream)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", events.OutcomesStream, err)
	}
	j := &journal{js: js, last: stream.CachedInfo().State.LastSeq}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: filters, DeliverPolicy: jetstream.DeliverAllPolicy}
	switch {
	case start.now:
		// Not the policy for new messages: a consumer that is made anew after a broken connection would start later.
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, j.last+1
	case !start.since.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &start.since
	}
	if j.consumer, err = js.OrderedConsumer(ctx, events.OutcomesStream, cfg); err != nil {
		return nil, fmt.Errorf("read stream %s: %w", events.OutcomesStream, err)
	}
	return j, nil
}

// errEnough ends the reading of a journal from inside.
var errEnough = errors.New("enough")

// read hands over what stands in the stream, up to where it ended when the journal was opened; with follow, also what comes
// after that, until the context ends or each returns errEnough.
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

// next hands over one outcome. It returns errEnough where the last one has been handed over.
func (j *journal) next(ctx context.Context, messages jetstream.MessagesContext, follow bool, each func(outcome) error) error {
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
