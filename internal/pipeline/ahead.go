package pipeline

import (
	"context"
	"slices"
	"time"

	"portal-invites/internal/events"
)

// fetched is what a fetch has brought.
type fetched struct {
	batch []events.Delivery
	err   error
	over  context.CancelFunc // ends the reports of progress
}

// next is the batch that was fetched ahead, or else one that is fetched now.
func (c *consumer) next(ctx context.Context) fetched {
	if c.ahead == nil {
		c.fetchAhead(ctx)
	}
	next := <-c.ahead
	c.ahead = nil
	return next
}

// fetchAhead fetches and decodes a batch while another one is handled, so that neither waits for the other.
func (c *consumer) fetchAhead(ctx context.Context) {
	ahead := make(chan fetched, 1)
	c.ahead = ahead
	go func() {
		var batch []events.Delivery
		_, err := c.safely(c.durable, func() (_ bool, err error) {
			batch, err = c.source.Fetch(ctx, c.size)
			return true, err
		})
		progress, over := context.WithCancel(ctx)
		go reportProgress(progress, batch)
		ahead <- fetched{batch, err, over}
	}()
}

// takesTurns says whether a batch may have to wait for what other workers hold. Nothing is fetched ahead meanwhile: it might be
// the very thing that one of those waits for in turn.
func takesTurns(batch []events.Delivery) bool {
	return slices.ContainsFunc(batch, func(d events.Delivery) bool { return d.Type.ChangesAccess() })
}

// handBack returns a batch that was fetched ahead of a stop: other workers need not wait until the broker misses it.
func (c *consumer) handBack() {
	if c.ahead == nil {
		return
	}
	next := <-c.ahead
	next.over()
	events.Return(next.batch)
}

// reportProgress keeps the broker from giving a batch to somebody else while it waits here: for the batch before it, for the
// database, for its turn.
func reportProgress(ctx context.Context, batch []events.Delivery) {
	ticker := time.NewTicker(events.ProgressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			events.InProgress(batch)
		}
	}
}
