package recovery

import (
	"context"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// missedEvents are events that the stream has deleted before they were handled (ADR 144).
type missedEvents struct{ fresh, open []store.EventGap }

// keepPlaces notes how far the durables are, and finds what they have missed.
func keepPlaces(ctx context.Context, tx *store.Tx, p events.Places) (m missedEvents, err error) {
	handled := make(map[string]uint64, len(p.Durables))
	for name, place := range p.Durables {
		handled[name] = place.Handled
	}
	m.fresh, err = tx.KeepPlaces(ctx, store.StreamPlaces{
		Created: p.Created, First: p.First, FirstAt: p.FirstAt, Handled: handled,
	})
	if err != nil {
		return m, err
	}
	m.open, err = tx.OpenGaps(ctx)
	return m, err
}

// report logs each gap once, by the worker that has found it.
func (w *Watch) report(p events.Places, missed missedEvents) {
	for _, g := range missed.fresh {
		line := w.Log.Error().Str("durable", g.Durable).Uint64("first_sequence", g.First).Uint64("last_sequence", g.Last).
			Uint64("events", g.Events()).Time("handled_until", g.HandledAt)
		if !g.KeptFrom.IsZero() {
			line = line.Time("kept_from", g.KeptFrom)
		}
		line.Msg("the stream " + events.EventsStream + " has deleted events before this durable handled them: no worker " +
			"ran for EVENTS_KEEP, or one stood still. Nothing was decided about them. See A month in the dark in " +
			"docs/operations.md, then acknowledge it: invitectl recover --acknowledge")
	}
	w.Observer.EventsPlaced(p.Durables, missed.open)
}
