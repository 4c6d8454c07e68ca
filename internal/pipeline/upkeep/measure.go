package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
)

// measureEvery is how old the reported backlog may be.
const measureEvery = 15 * time.Second

// measure reports the lane's backlog to the observer.
func (c Config) measure(ctx context.Context) (bool, error) {
	backlog, err := c.Ledger.Store.Backlog(ctx, c.Lane, c.Ledger.Now())
	if err != nil {
		return false, err
	}
	c.Observer.Queued(c.Lane, backlog.Length, backlog.Oldest)
	loop.Wait(ctx, nil, measureEvery)
	return true, nil
}
