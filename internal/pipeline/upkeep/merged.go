package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	strayBatch = 100
	strayEvery = 5 * time.Second
	// strayWithin is how long after a merge something may still be written for a merged contact. It is longer than any
	// transaction, and than any try to send a mail.
	strayWithin = time.Hour
)

// strays moves what was written for merged contacts at the moment of the merge, by transactions that did not see it
// (ADR 125).
func (c Config) strays(ctx context.Context) (bool, error) {
	moved := 0
	err := c.Ledger.Tx(ctx, func(tx *store.Tx) error {
		merged, err := tx.StrayMerges(ctx, strayWithin, strayBatch)
		if err != nil {
			return err
		}
		moved = len(merged)
		return tx.MoveMerged(ctx, merged)
	})
	if err == nil && moved < strayBatch {
		loop.Wait(ctx, nil, strayEvery)
	}
	return true, err
}
