package consume

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/identity"
	"portal-invites/internal/store"
)

// bury makes messages dead letters. While the broker or the database is down, it retries without a limit.
func (c *consumer) bury(ctx context.Context, list ...events.Burial) error {
	if len(list) == 0 {
		return nil
	}
	out := c.Outage("dead letters")
	defer out.Over()
	for {
		now := c.Now()
		err := c.source.Bury(ctx, list, now, func(ctx context.Context) error { return c.recordLetters(ctx, list, now) })
		if err == nil {
			c.reportBuried(list)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if events.Missing(err) {
			err = errors.Join(err, c.Topology.Ensure(ctx, c.JS)) // nobody else may notice
		}
		out.Wait(ctx, err)
	}
}

// reportBuried logs what became dead letters in one line, because a sender with a fault may have sent thousands.
func (c *consumer) reportBuried(list []events.Burial) {
	for range list {
		c.Observer.Buried(c.durable)
	}
	first, what := list[0], "an event became a dead letter"
	line := c.Log.Warn().Str("durable", c.durable).Str("firm", first.Firm).Str("type", string(first.Type)).
		Uint64("sequence", first.At.Sequence).Str("reason", first.Reason.Error())
	if len(list) > 1 {
		line, what = line.Int("events", len(list)), "events became dead letters, and this is the first of them"
	}
	line.Msg(what + `; look with "invitectl dead-letters", then requeue or discard`)
}

// letterID derives a dead letter's id from the message's position in the stream, so a message that is buried again
// finds its row.
func letterID(at events.Position) uuid.UUID {
	return identity.Derive("dead", strconv.FormatInt(at.Stream.UnixNano(), 10), strconv.FormatUint(at.Sequence, 10))
}

// recordLetters stores dead letters as rows, which operators list, requeue and discard.
func (c *consumer) recordLetters(ctx context.Context, list []events.Burial, now time.Time) error {
	rows := make([]store.DeadLetter, len(list))
	for i, d := range list {
		subject, header, body := d.Original()
		rows[i] = store.DeadLetter{
			ID: letterID(d.At), FirmID: d.Home(), Type: string(d.Type), Source: d.Source, EventID: d.ID,
			At: store.Position(d.Place()), About: d.Thing(), Subject: subject,
			Reason: d.Reason.Error(), Durable: c.durable, BuriedAt: now,
			Headers: toBytes(header), Body: body,
		}
	}
	err := c.leaveOutErased(ctx, rows)
	if err == nil {
		err = c.Store.InsertDeadLetters(ctx, rows)
	}
	if err == nil || !IsPoison(err) {
		return err
	}
	if len(list) > 1 {
		half := len(list) / 2
		return errors.Join(c.recordLetters(ctx, list[:half], now), c.recordLetters(ctx, list[half:], now))
	}
	// A message that no row can hold must not block the messages behind it. Its copy is on the stream of dead letters.
	c.Log.Error().Err(err).Str("durable", c.durable).Uint64("sequence", list[0].At.Sequence).
		Msg("a dead letter can't be stored in the database, so invitectl does not list it; read it from " +
			events.DeadLettersStream)
	return nil
}

// leaveOutErased takes people out of dead letters whom their firm has erased (ADR 171).
func (c *consumer) leaveOutErased(ctx context.Context, letters []store.DeadLetter) error {
	var names []store.Named
	for _, l := range letters {
		names = append(names, store.NamesOf(l.FirmID, events.PeopleIn(l.Body))...)
	}
	erased, err := c.Store.ErasedNow(ctx, names)
	if err != nil || len(erased) == 0 {
		return err
	}
	for i := range letters {
		l := &letters[i]
		left, isNamed := events.WithoutPeople(l.Body, erased.Of(l.FirmID))
		if !isNamed {
			continue
		}
		if l.Body, l.About = left, ""; events.IsNothingLeft(left) {
			l.Headers = nil
		}
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
