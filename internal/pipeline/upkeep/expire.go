package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
)

const (
	expireBatch = 500
	// expireEvery is how long it may take until an expired invite is published. The rules do not wait for that: they look
	// at the time.
	expireEvery = time.Second
)

// expire ends invites whose time is over, and reports them in the same transaction. Any worker may do it.
func (c Config) expire(ctx context.Context) (bool, error) {
	expired := 0
	err := c.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		changes, err := tx.ExpireDue(ctx, tx.Now, expireBatch)
		if err != nil || len(changes) == 0 {
			return err
		}
		expired = len(changes)
		return tx.ReportExpired(ctx, changes)
	})
	if err == nil && expired < expireBatch {
		loop.Wait(ctx, nil, expireEvery)
	}
	return true, err
}
