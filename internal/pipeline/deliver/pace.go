package deliver

import (
	"context"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// tokens takes as many of n free slots as the lane's rate allows for now, over all its workers together, and gives back the
// other slots. Where the rate allows none it waits until it does, or for a moment: the worker may be told to stop.
func (d *Delivery) tokens(ctx context.Context, n int) (int, error) {
	if d.Rate <= 0 || n == 0 {
		return n, nil
	}
	granted, pause, err := d.Ledger.Store.TakeTokens(ctx, d.Lane, n, d.Rate, d.Ledger.Now())
	d.window.giveBack(n - granted)
	if err == nil && granted == 0 {
		loop.Wait(ctx, nil, min(pause, loop.IdleFor))
	}
	return granted, err
}

// returnTokens gives back tokens that no mail has left by. Where that fails the lane is slower for a moment.
func (d *Delivery) returnTokens(ctx context.Context, n int) {
	if d.Rate <= 0 || n == 0 {
		return
	}
	if err := d.Ledger.Store.ReturnTokens(ctx, d.Lane, n); err != nil {
		d.Log.Debug().Err(err).Int("tokens", n).Msg("unused tokens of the rate could not be given back")
	}
}

// postpone leaves those of due invites that may leave now, so that no recipient domain gets more than its rate.
func (d *Delivery) postpone(ctx context.Context, tx *ledger.Tx, due []store.Invite) ([]store.Invite, error) {
	if d.DomainRate <= 0 || len(due) == 0 {
		return due, nil
	}
	return tx.PostponeByDomain(ctx, due, d.DomainRate, tx.Now)
}
