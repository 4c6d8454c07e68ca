package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	// followEvery is how soon the queue follows a firm that names another sender.
	followEvery = 5 * time.Second
	followBatch = 500
)

// followFirms gives queued invites the sender that their firm names by now. Otherwise the invites of a sender that
// stands still, or that is unknown, would wait although their firm has another one.
func (c Config) followFirms(ctx context.Context) (bool, error) {
	for ctx.Err() == nil {
		var senders []string
		err := c.Ledger.Tx(ctx, func(tx *store.Tx) (err error) {
			senders, err = tx.FollowFirms(ctx, c.Lane, followBatch)
			return err
		})
		if err != nil {
			return false, err
		}
		if len(senders) == 0 {
			break
		}
		for _, sender := range senders {
			c.OnDue(sender)
		}
	}
	loop.Wait(ctx, nil, followEvery)
	return true, nil
}
