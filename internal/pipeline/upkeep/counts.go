package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
)

// forgetCountsEvery is how long what counts against no limit any more may stay.
const forgetCountsEvery = 10 * time.Minute

// forgetCounts deletes what counts against no limit any more (ADR 152).
func (c Config) forgetCounts(ctx context.Context) (bool, error) {
	if err := c.Ledger.Store.ForgetMailCounts(ctx, c.Ledger.Now()); err != nil {
		return false, err
	}
	loop.Wait(ctx, nil, forgetCountsEvery)
	return true, nil
}
