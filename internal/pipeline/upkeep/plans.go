package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
)

const (
	forgetPlansEvery = 10 * time.Minute
	// planGrace is how long an expired plan stays at least, so that a run which has just begun finds it.
	planGrace = time.Hour
)

// forgetPlans deletes expired plans (ADR 169).
func (c Config) forgetPlans(ctx context.Context) (bool, error) {
	if err := c.Ledger.Store.ForgetPlans(ctx, c.Ledger.Now().Add(-planGrace)); err != nil {
		return false, err
	}
	loop.Wait(ctx, nil, forgetPlansEvery)
	return true, nil
}
