package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// hoursEvery is how often the windows of firms' hours are looked at. A firm with new hours waits as long.
const hoursEvery = time.Second

// hours keeps the window in which each firm's bulk mails may leave (ADR 139). A claim reads it.
func (c Config) hours(ctx context.Context) (bool, error) {
	err := c.Ledger.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.MoveHours(ctx, c.Ledger.Now())
		return err
	})
	if err == nil {
		loop.Wait(ctx, nil, hoursEvery)
	}
	return true, err
}
