package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// streamJournal reads the outcomes of all firms. It leaves nothing behind: its ordered consumer is its own, and the
// broker deletes it. A firm's own people have no right to make consumers, because the broker can't limit a consumer to
// a firm.
type streamJournal struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	last     uint64 // the stream's last sequence when the journal was opened
}

func openStream(ctx context.Context, js jetstream.JetStream, start from, filters ...string) (*streamJournal, error) {
	stream, err := js.Stream(ctx, events.OutcomesStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, noStream(events.OutcomesStream)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", events.OutcomesStream, err)
	}
	j := &streamJournal{js: js, last: stream.CachedInfo().State.LastSeq}
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

// read calls each for every outcome in the stream, up to the end that the stream had when the journal was opened. With
// follow it goes on with new outcomes, until the context ends or each returns errEnough.
func (j *streamJournal) read(ctx context.Context, follow bool, each func(outcome) error) error {
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
func (j *streamJournal) next(ctx context.Context, messages jetstream.MessagesContext, follow bool,
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
	if o.Type != "" { // else it is no outcome: the subject of a reply has led it there
		if err := each(o); err != nil {
			return err
		}
	}
	if !follow && (o.Sequence == j.last || o.behind == 0) {
		return errEnough
	}
	return nil
}

// readOutcome reads a message of the stream. It has no type if it is not an outcome.
func readOutcome(msg jetstream.Msg) (outcome, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return outcome{}, fmt.Errorf("read an outcome on %s: %w", msg.Subject(), err)
	}
	o := outcome{Sequence: meta.Sequence.Stream, Time: meta.Timestamp, Raw: msg.Data(), behind: meta.NumPending}
	for name, values := range msg.Headers() {
		switch strings.ToLower(name) {
		case "ce-type":
			o.Type = events.TypeOfCE(values[0])
		case "ce-id":
			o.ID = values[0]
		case "ce-time":
			if at, err := time.Parse(time.RFC3339, values[0]); err == nil {
				o.Time = at
			}
		}
	}
	if o.Type == "" {
		return o, nil
	}
	if err := json.Unmarshal(msg.Data(), &o.outcomeData); err != nil {
		return outcome{}, fmt.Errorf("read outcome %d on %s: %w", o.Sequence, msg.Subject(), err)
	}
	return o, nil
}
