package announce

import (
	"context"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// Step announces the next batch, and returns the number of its events.
func (a *Announcer) Step(ctx context.Context) (int, error) { return a.step(ctx) }

// WithoutStored deletes from the outbox the events that are on the stream already, and returns the others.
func (a *Announcer) WithoutStored(ctx context.Context, outbound []store.Outbound) ([]store.Outbound, error) {
	return a.withoutStored(ctx, outbound)
}

// NotInTime says what has not happened when the time for a batch is over.
var NotInTime = notInTime

// Outgoing is a row of the outbox as it is published.
func Outgoing(e store.Outbound) events.Outgoing { return outgoing(e) }
