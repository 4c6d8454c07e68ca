package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// letterID is the identity of a dead letter: where the message stands in the stream, so that one buried again finds its row.
func letterID(at events.Position) uuid.UUID {
	return derive("dead", strconv.FormatInt(at.Stream.UnixNano(), 10), strconv.FormatUint(at.Sequence, 10))
}

// recordLetter keeps a dead letter as a row, for ops to work with.
func (c *consumer) recordLetter(ctx context.Context, d events.Delivery, reason error, now time.Time) error {
	subject, header, body := d.Original()
	letter := store.DeadLetter{
		ID: letterID(d.At), FirmID: d.Home(), Type: string(d.Type), Source: d.Source, EventID: d.ID, At: position(d.Event),
		Subject: subject, Reason: reason.Error(), Durable: c.durable, BuriedAt: now, Headers: toBytes(header), Body: body,
	}
	err := c.Store.InsertDeadLetter(ctx, letter)
	if err != nil && isPoison(err) {
		// What no row can hold must not stand in the way of what is behind it. The letter is on its stream.
		c.Log.Error().Err(err).Uint64("sequence", d.At.Sequence).Msg("a dead letter can't be put on record")
		return nil
	}
	return err
}

// Requeue publishes the original of a dead letter again: the same event, by its CloudEvents identity, so that it can't double
// anything.
func (w *Worker) Requeue(ctx context.Context, letter store.DeadLetter) error {
	msg := events.Requeued(letter.Subject, toHeader(letter.Headers), letter.Body, "requeue/"+letter.ID.String())
	if _, err := w.JS.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("publish dead letter %s again: %w", letter.ID, err)
	}
	return nil
}

func toBytes(header nats.Header) map[string][][]byte {
	kept := make(map[string][][]byte, len(header))
	for name, values := range header {
		for _, value := range values {
			kept[name] = append(kept[name], []byte(value))
		}
	}
	return kept
}

func toHeader(kept map[string][][]byte) nats.Header {
	header := make(nats.Header, len(kept))
	for name, values := range kept {
		for _, value := range values {
			header[name] = append(header[name], string(value))
		}
	}
	return header
}
