package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
)

// reviseEvery is how often a worker looks for completed runs whose sums have changed.
const reviseEvery = time.Second

// revise reports the sums of completed runs that have changed since the last event about them. Any worker may do it.
func (c Config) revise(ctx context.Context) (bool, error) {
	err := c.Ledger.Commit(ctx, func(tx *ledger.Tx) error { return tx.ReviseRuns(ctx) })
	if err == nil {
		loop.Wait(ctx, nil, min(reviseEvery, c.Ledger.ProgressEvery))
	}
	return true, err
}
