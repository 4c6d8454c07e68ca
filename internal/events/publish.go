package events

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// batchLimit is the greatest number of messages that the server accepts in one atomic batch.
const batchLimit = 1000

// Publish stores outcomes or dead letters in their stream, in order, and returns when the stream has acknowledged all
// of them. Each must have a Nats-Msg-Id: after an error it is unknown which of them are stored, and the caller
// publishes the same messages again. Only workers write to that stream, so an id that it knows already is the message's
// own.
//
// Several messages are published as atomic batches, which cost one disk sync each (ADR 4). The server refuses a batch
// if one of its messages is already stored. The messages of a refused batch are published one by one, and the stream
// drops the duplicates by their ids.
func Publish(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	_, err := PublishTo(ctx, js, msgs)
	return err
}

// PublishTo is [Publish], and returns the highest sequence of these messages in their stream. A message that was stored
// before has the sequence that it got then.
func PublishTo(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) (highest uint64, err error) {
	err = inBatches(ctx, js, msgs,
		func(last uint64) { highest = max(highest, last) },
		func(chunk []*nats.Msg) error {
			acks, err := publishEach(ctx, js, chunk)
			for _, ack := range acks {
				highest = max(highest, ack.Sequence)
			}
			return err
		})
	return highest, err
}

// EmitMany stores events in PORTAL_EVENTS like [Emit], but in atomic batches. If the stream refuses a batch, its events
// are published one by one.
func EmitMany(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	return inBatches(ctx, js, msgs, func(uint64) {}, func(chunk []*nats.Msg) error {
		_, err := Emit(ctx, js, chunk)
		return err
	})
}

// Emit stores events in PORTAL_EVENTS, in order, and returns the stream's acknowledgements. Before an error, they are
// those of the first events. The same events may be published again after an error, since the workers recognise a copy.
//
// The stream drops an event whose Nats-Msg-Id it has just seen. But any sender may have written that id, also one of
// another firm (ADR 88). So Emit publishes such an event again without the header, and so the events behind it: they
// may be newer facts about the same thing.
func Emit(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) ([]*jetstream.PubAck, error) {
	acks, err := publishEach(ctx, js, msgs)
	if err != nil {
		return acks, err
	}
	dropped := slices.IndexFunc(acks, func(ack *jetstream.PubAck) bool { return ack.Duplicate })
	if dropped < 0 {
		return acks, nil
	}
	for _, msg := range msgs[dropped:] {
		msg.Header.Del(nats.MsgIdHdr)
	}
	again, err := publishEach(ctx, js, msgs[dropped:])
	return append(acks[:dropped], again...), err
}

// inBatches publishes messages in atomic batches, and calls stored with the last sequence of each.
func inBatches(
	ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg, stored func(last uint64),
	oneByOne func([]*nats.Msg) error,
) error {
	for chunk := range slices.Chunk(msgs, batchLimit) {
		var batchErr error
		if len(chunk) > 1 {
			var last uint64
			if last, batchErr = publishBatch(ctx, js, chunk); batchErr == nil {
				stored(last)
				continue
			}
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(err, batchErr)
		}
		if err := oneByOne(chunk); err != nil {
			return err
		}
	}
	return nil
}

func publishBatch(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) (last uint64, err error) {
	ack, err := jetstreamext.PublishMsgBatch(ctx, js, msgs)
	// Remove what the batch added, also after a success: if a later batch fails, the caller publishes all messages again,
	// perhaps cut into other batches.
	for _, msg := range msgs {
		msg.Reply = ""
		msg.Header.Del(jetstreamext.BatchIDHeader)
		msg.Header.Del(jetstreamext.BatchSeqHeader)
		msg.Header.Del(jetstreamext.BatchCommitHeader)
	}
	if err != nil {
		return 0, fmt.Errorf("publish a batch of %d: %w", len(msgs), err)
	}
	return ack.Sequence, nil
}

// publishEach publishes messages one by one and waits for all of them. It returns the acknowledgements of the first
// messages, up to one that is not stored.
func publishEach(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) ([]*jetstream.PubAck, error) {
	futures := make([]jetstream.PubAckFuture, 0, len(msgs))
	for _, msg := range msgs {
		future, err := js.PublishMsgAsync(msg)
		if err != nil {
			return nil, fmt.Errorf("publish to %s: %w", msg.Subject, err)
		}
		futures = append(futures, future)
	}
	acks := make([]*jetstream.PubAck, 0, len(msgs))
	var first error
	failed := 0
	for i, future := range futures {
		select {
		case ack := <-future.Ok():
			if first == nil {
				acks = append(acks, ack)
			}
		case err := <-future.Err():
			failed++
			if first == nil {
				first = fmt.Errorf("publish to %s: %w", msgs[i].Subject, err)
			}
		case <-ctx.Done():
			return acks, ctx.Err()
		}
	}
	if failed > 1 {
		return acks, fmt.Errorf("%d of %d messages are not stored; the first: %w", failed, len(msgs), first)
	}
	return acks, first
}
