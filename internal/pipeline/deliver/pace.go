package deliver

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// tokens returns how many of n free slots may be used now. The sender's rate in the lane, which all workers share (ADR
// 43), decides that. The other slots go back to the window. If the rate allows no mail now, tokens waits until it does,
// but only for a moment, because the worker may have to stop.
func (d *Delivery) tokens(ctx context.Context, n int) (int, error) {
	if d.Rate <= 0 || n == 0 {
		return n, nil
	}
	granted, pause, err := d.Ledger.Store.TakeTokens(ctx, d.queue(), n, d.Rate, d.Ledger.Now())
	d.window.giveBack(n - granted)
	if err == nil && granted == 0 {
		loop.Wait(ctx, nil, min(pause, loop.IdleFor))
	}
	return granted, err
}

// returnWithin is how long returning tokens may take, also while the worker stops.
const returnWithin = time.Second

// returnTokens gives back tokens that no mail has used. If that fails, the lane is slower for a moment.
func (d *Delivery) returnTokens(ctx context.Context, n int) {
	if d.Rate <= 0 || n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), returnWithin)
	defer cancel()
	if err := d.Ledger.Store.ReturnTokens(ctx, d.queue(), n); err != nil {
		d.Log.Debug().Err(err).Int("tokens", n).
			Msg("could not return unused tokens of the lane's rate; the lane is slower for a moment")
	}
}

// postpone returns the due invites that may leave now. The others get a later time, so that no recipient domain gets
// more than its rate (ADR 44).
func (d *Delivery) postpone(ctx context.Context, tx *ledger.Tx, due []store.Invite) ([]store.Invite, error) {
	if d.DomainRate <= 0 || len(due) == 0 {
		return due, nil
	}
	return tx.PostponeByDomain(ctx, d.Sender, due, d.DomainRate, tx.Now)
}
