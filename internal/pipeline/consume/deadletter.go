package consume

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/identity"
	"portal-invites/internal/store"
)

// bury puts a message among the dead letters, and waits for as long as the broker or the database is away.
func (c *consumer) bury(ctx context.Context, d events.Delivery, reason error) error {
	out := c.Outage("dead letters")
	defer out.Over()
	for {
		now := c.Now()
		err := c.source.Bury(ctx, d, reason, now, func(ctx context.Context) error { return c.recordLetter(ctx, d, reason, now) })
		if err == nil {
			c.Observer.Buried(c.durable)
			c.Log.Warn().Str("durable", c.durable).Str("firm", d.Firm).Str("type", string(d.Type)).
				Uint64("sequence", d.At.Sequence).Str("reason", reason.Error()).Msg("put among the dead letters")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.Wait(ctx, err)
	}
}

// letterID is the identity of a dead letter: the message's place in the stream, so that one buried again finds its row.
func letterID(at events.Position) uuid.UUID {
	return identity.Derive("dead", strconv.FormatInt(at.Stream.UnixNano(), 10), strconv.FormatUint(at.Sequence, 10))
}

// recordLetter keeps a dead letter as a row, for ops to work with.
func (c *consumer) recordLetter(ctx context.Context, d events.Delivery, reason error, now time.Time) error {
	subject, header, body := d.Original()
	letter := store.DeadLetter{
		ID: letterID(d.At), FirmID: d.Home(), Type: string(d.Type), Source: d.Source, EventID: d.ID, At: store.Position(d.At),
		Subject: subject, Reason: reason.Error(), Durable: c.durable, BuriedAt: now, Headers: toBytes(header), Body: body,
	}
	err := c.Store.InsertDeadLetter(ctx, letter)
	if err != nil && isPoison(err) {
		// What no row can hold must not block what is behind it. The letter is on its stream.
		c.Log.Error().Err(err).Uint64("sequence", d.At.Sequence).Msg("a dead letter can't be put on record")
		return nil
	}
	return err
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
