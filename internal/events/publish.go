package events

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// batchLimit is the greatest number of messages that the server accepts in one atomic batch.
const batchLimit = 1000

// Publish stores messages in their stream, in order, and returns when the stream has acknowledged all of them. All must
// belong to one stream, and each must have a Nats-Msg-Id: after an error it is unknown which of them are stored, and
// the caller publishes the same messages again.
//
// Several messages are published as atomic batches, which cost one disk sync each (ADR 4). The server refuses a batch
// if one of its messages is already stored. The messages of a refused batch are published one by one, and the stream
// drops the duplicates by their ids.
func Publish(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	for chunk := range slices.Chunk(msgs, batchLimit) {
		if len(chunk) > 1 && publishBatch(ctx, js, chunk) == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := publishEach(ctx, js, chunk); err != nil {
			return err
		}
	}
	return nil
}

func publishBatch(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	_, err := jetstreamext.PublishMsgBatch(ctx, js, msgs)
	// Remove what the batch added, also after a success: if a later batch fails, the caller publishes all messages again,
	// perhaps cut into other batches.
	for _, msg := range msgs {
		msg.Reply = ""
		msg.Header.Del(jetstreamext.BatchIDHeader)
		msg.Header.Del(jetstreamext.BatchSeqHeader)
		msg.Header.Del(jetstreamext.BatchCommitHeader)
	}
	if err != nil {
		return fmt.Errorf("publish a batch of %d: %w", len(msgs), err)
	}
	return nil
}

func publishEach(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	futures := make([]jetstream.PubAckFuture, 0, len(msgs))
	for _, msg := range msgs {
		future, err := js.PublishMsgAsync(msg)
		if err != nil {
			return fmt.Errorf("publish to %s: %w", msg.Subject, err)
		}
		futures = append(futures, future)
	}
	var first error
	failed := 0
	for i, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			failed++
			if first == nil {
				first = fmt.Errorf("publish to %s: %w", msgs[i].Subject, err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if failed > 1 {
		return fmt.Errorf("%d of %d messages are not stored; the first: %w", failed, len(msgs), first)
	}
	return first
}
