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

// bury makes a message a dead letter. While the broker or the database is down, it retries without a limit.
func (c *consumer) bury(ctx context.Context, d events.Delivery, reason error) error {
	out := c.Outage("dead letters")
	defer out.Over()
	for {
		now := c.Now()
		err := c.source.Bury(ctx, d, reason, now, func(ctx context.Context) error {
			return c.recordLetter(ctx, d, reason, now)
		})
		if err == nil {
			c.Observer.Buried(c.durable)
			c.Log.Warn().Str("durable", c.durable).Str("firm", d.Firm).Str("type", string(d.Type)).
				Uint64("sequence", d.At.Sequence).Str("reason", reason.Error()).
				Msg(`an event became a dead letter; look with "invitectl dead-letters", then requeue or discard it`)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.Wait(ctx, err)
	}
}

// letterID derives a dead letter's id from the message's position in the stream, so a message that is buried again
// finds its row.
func letterID(at events.Position) uuid.UUID {
	return identity.Derive("dead", strconv.FormatInt(at.Stream.UnixNano(), 10), strconv.FormatUint(at.Sequence, 10))
}

// recordLetter stores a dead letter as a row, which operators list, requeue and discard.
func (c *consumer) recordLetter(ctx context.Context, d events.Delivery, reason error, now time.Time) error {
	subject, header, body := d.Original()
	row := store.DeadLetter{
		ID: letterID(d.At), FirmID: d.Home(), Type: string(d.Type), Source: d.Source, EventID: d.ID, At: store.Position(d.At),
		Subject: subject, Reason: reason.Error(), Durable: c.durable, BuriedAt: now, Headers: toBytes(header), Body: body,
	}
	err := c.Store.InsertDeadLetter(ctx, row)
	if err != nil && IsPoison(err) {
		// A message that no row can hold must not block the messages behind it. Its copy is on the stream of dead letters.
		c.Log.Error().Err(err).Str("durable", c.durable).Uint64("sequence", d.At.Sequence).
			Msg("a dead letter can't be stored in the database, so invitectl does not list it; read it from " +
				events.DeadLettersStream)
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
