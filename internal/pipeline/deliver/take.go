package deliver

import (
	"context"
	"errors"
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// take claims as many due invites as there is room for, decides each of them again on today's facts, and records the
// attempts before anything is sent. again says whether another claim may find more due invites at once.
func (d *Delivery) take(ctx context.Context) (again bool, err error) {
	if err := d.clear(ctx); err != nil {
		return false, err
	}
	n, err := d.tokens(ctx, d.room(ctx))
	if err != nil || n == 0 { // n is 0 if the rate allows no mail now, or if the worker stops
		return err == nil, errors.Join(err, ctx.Err())
	}
	d.claiming <- struct{}{}
	defer d.release()
	// The term is read before the claim. If the lease is lost during the claim, the mailers must not send its mails.
	term := d.Lease.Term()
	var ready []ledger.Job
	var due []store.Invite
	var next store.Turn
	err = d.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
		if due, next, err = tx.LockDue(ctx, d.queue(), n, d.turn, tx.Now); err != nil {
			return err
		}
		free, err := d.postpone(ctx, tx, due)
		if err != nil {
			return err
		}
		ready, err = tx.Recheck(ctx, free)
		return err
	})
	if err != nil {
		d.unclear.Store(true)
		d.window.giveBack(n)
		d.returnTokens(ctx, n) // clear requeues what the claim may have taken, so no mail leaves for these tokens
		return false, err
	}
	d.turn = next
	d.window.giveBack(n - len(ready))
	d.returnTokens(ctx, n-len(ready))
	for _, j := range ready {
		d.jobs <- claimed{j, term} // never blocks: no window is larger than the channel
	}
	// A claim takes from each run no more than its share of n, even if others have less to send. So although a claim has
	// taken fewer than n invites, a run may have more that are due.
	return len(due) > 0, nil
}

// room waits until the mail server accepts mail and the window has room. It takes all of that room, and returns how
// much it was; 0 if ctx ends. If the lane stops while this waits for room, it begins again.
func (d *Delivery) room(ctx context.Context) int {
	for d.server.wait(ctx) {
		stopped := d.server.stopped()
		n := d.window.take(ctx)
		if n == 0 || d.server.stopped().Equal(stopped) {
			return n
		}
		d.window.giveBack(n)
	}
	return 0
}

// clear requeues the invites of a claim of unclear result. It waits until no mail is on its way. Then an invite that is
// still marked as being sent by this worker has never left. No other worker would requeue it while this one lives.
func (d *Delivery) clear(ctx context.Context) error {
	if !d.unclear.Load() {
		return nil
	}
	if err := d.window.drained(ctx); err != nil {
		return err
	}
	// A restored database has invites that this worker was sending before. It knows nothing about those (ADR 103).
	err := d.Ledger.Tx(ctx, func(tx *store.Tx) error { return tx.ReturnUnsent(ctx, d.Ledger.Worker, d.Sender) })
	if err != nil {
		return err
	}
	d.unclear.Store(false)
	return nil
}

// clearAtEnd requeues the invites of an interrupted claim when the worker stops. Such a claim may have committed
// although this worker got no answer. This worker knows that their mails have not left, because the mailers get them
// only after the answer. If the invites stayed marked as being sent, the worker that takes over could not know that.
func (d *Delivery) clearAtEnd(ctx context.Context) {
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := d.clear(endCtx); err != nil {
		d.Log.Warn().Err(err).
			Msg("could not requeue an interrupted claim; the worker that takes over treats its mails as unknown")
	}
}
