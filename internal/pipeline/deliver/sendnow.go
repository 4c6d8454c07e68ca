package deliver

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/ledger"
)

// claimPatience is how long a decision waits for a claim that is under way. After that, its invites go through the
// queue.
const claimPatience = 20 * time.Millisecond

// SendNow calls decide, which decides invites in one transaction. Instead of queuing them, decide may record as many as
// its argument limit as begun (ADR 53). If it queued them, a claim would take them a moment later and repeat the same
// checks. Parameter wanted is how many invites the caller hopes to begin. limit is at most wanted, and 0 if every
// invite must be queued.
//
// decide must commit before it returns the begun invites. Then SendNow gives them to the senders. If decide fails,
// SendNow returns its error and sends nothing. If the transaction has committed all the same, [Delivery.clear] requeues
// its invites.
func (d *Delivery) SendNow(
	ctx context.Context, wanted int, decide func(limit int) (begun []ledger.Job, err error),
) error {
	room, err := d.takeRoom(ctx, wanted)
	if err != nil {
		return err
	}
	if room == 0 {
		_, err := decide(0)
		return err
	}
	defer d.release()
	sending, committed := 0, false
	defer func() {
		if !committed {
			d.unclear.Store(true) // before the room goes back to the window, because clear waits for that
		}
		d.window.giveBack(room - sending)
	}()
	term := d.Lease.Term() // before the claim, as in take
	begun, err := decide(room)
	if err != nil {
		return err
	}
	sending, committed = len(begun), true
	for _, j := range begun {
		d.jobs <- claimed{j, term} // never blocks, as in take
	}
	return nil
}

// takeRoom takes room in the window for up to most invites, if the queue would send them at once: no rate is set, no
// claim is unclear, the mail server accepts mail, and no invite that is due waits. It returns 0 otherwise. If it
// returns more, it keeps the lock on claims, and the caller must call d.release.
func (d *Delivery) takeRoom(ctx context.Context, most int) (room int, err error) {
	if d.Rate > 0 || d.DomainRate > 0 {
		return 0, nil
	}
	select {
	case d.claiming <- struct{}{}:
	case <-time.After(claimPatience):
		return 0, nil
	}
	defer func() {
		if room == 0 {
			d.release()
		}
	}()
	if !d.open || d.unclear.Load() || d.server.away() {
		return 0, nil
	}
	if due, err := d.Ledger.Store.AnyDue(ctx, d.Lane, d.Ledger.Now()); err != nil || due {
		return 0, err
	}
	return d.window.takeNow(most), nil
}
