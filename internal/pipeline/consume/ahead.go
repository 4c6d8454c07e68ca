package consume

import (
	"context"
	"slices"
	"time"

	"portal-invites/internal/events"
)

// fetched is the result of a fetch.
type fetched struct {
	batch []events.Delivery
	err   error
	over  context.CancelFunc // stops the reports of progress for the batch
}

// next returns the batch that was fetched ahead, or fetches one now.
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
	fetch := c.source.Fetch
	if c.opened {
		fetch = c.source.FetchReady // returns at once, so that the end of an outage is noticed at once
		c.opened = false
	}
	go func() {
		var batch []events.Delivery
		_, err := c.Safely(c.name, func() (_ bool, err error) {
			batch, err = fetch(ctx, c.size)
			return true, err
		})
		progress, over := context.WithCancel(ctx)
		go reportProgress(progress, batch)
		ahead <- fetched{batch, err, over}
	}()
}

// takesTurns says whether a batch may have to wait for facts that other workers hold. Then nothing is fetched ahead,
// because one of those workers might wait for exactly the facts that were fetched.
func takesTurns(batch []events.Delivery) bool {
	return slices.ContainsFunc(batch, func(d events.Delivery) bool { return d.Type.ChangesAccess() })
}

// handBack returns a batch that was fetched before the worker stopped. So other workers get it at once, and not only
// after the broker's timeout.
func (c *consumer) handBack() {
	if c.ahead == nil {
		return
	}
	next := <-c.ahead
	next.over()
	events.Return(next.batch)
}

// reportProgress keeps the broker from redelivering a batch to another worker while it waits here: for the batch before
// it, for the database, or for its turn.
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
