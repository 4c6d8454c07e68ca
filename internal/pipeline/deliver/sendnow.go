package deliver

import (
	"context"
	"maps"
	"slices"
	"time"

	"portal-invites/internal/pipeline/ledger"
)

// claimPatience is how long a decision waits for a claim that is under way. After that, its invites go through the
// queue.
const claimPatience = 20 * time.Millisecond

// SendNow calls decide, which decides invites in one transaction. Instead of queuing them, decide may record as many as
// room says as begun (ADR 53). If it queued them, a claim would take them a moment later and repeat the same checks.
// Parameter wanted is how many invites of each firm the caller hopes to begin. A sender has no room if every invite of
// it must be queued.
//
// decide must commit before it returns the begun invites. Then SendNow gives them to the mailers. If decide fails,
// SendNow returns its error and sends nothing. If the transaction has committed all the same, [Delivery.clear] requeues
// its invites.
func (s *Senders) SendNow(
	ctx context.Context, wanted map[string]int, decide func(room ledger.Room) (begun []ledger.Job, err error),
) error {
	bySender, err := s.bySender(ctx, wanted)
	if err != nil {
		return err
	}
	var spares []*spare
	defer func() {
		for _, sp := range spares {
			sp.end()
		}
	}()
	room := ledger.Room{}
	for _, name := range slices.Sorted(maps.Keys(bySender)) { // always in the same order, so nobody waits in a circle
		d := s.byName[name]
		n, err := d.takeRoom(ctx, bySender[name])
		if err != nil {
			return err
		}
		if n > 0 {
			room[name] = n
			spares = append(spares, &spare{Delivery: d, term: d.Lease.Term(), room: n}) // the term is read as in take
		}
	}
	for _, sp := range spares {
		sp.asked = true
	}
	begun, err := decide(room)
	if err != nil {
		return err
	}
	for _, sp := range spares {
		sp.send(begun)
	}
	return nil
}

// bySender sums up, by sender, how many invites of firms are wanted. Senders that are not known are left out. Where the
// default sender is the only one, nobody asks which firm names which.
func (s *Senders) bySender(ctx context.Context, wanted map[string]int) (map[string]int, error) {
	var named map[string]string
	if len(s.byName) > 1 {
		var err error
		if named, err = s.store.SendersOf(ctx, slices.Collect(maps.Keys(wanted))); err != nil {
			return nil, err
		}
	}
	sums := map[string]int{}
	for firm, n := range wanted {
		if sender := named[firm]; s.byName[sender] != nil {
			sums[sender] += n
		}
	}
	return sums, nil
}

// spare is room that one sender has for invites that are sent as they are decided. It has the lock on claims.
type spare struct {
	*Delivery
	term      int64
	room      int
	sending   int
	asked     bool // a transaction may have begun invites
	committed bool
}

// send gives the sender its begun jobs.
func (sp *spare) send(begun []ledger.Job) {
	sp.committed = true
	for _, j := range begun {
		if j.Invite.Sender == sp.Sender {
			sp.sending++
			sp.jobs <- claimed{j, sp.term} // never blocks, as in take
		}
	}
}

// end returns what was not used.
func (sp *spare) end() {
	if sp.asked && !sp.committed {
		sp.unclear.Store(true) // before the room goes back to the window, because clear waits for that
	}
	sp.window.giveBack(sp.room - sp.sending)
	sp.release()
}

// takeRoom takes room in the window for up to most invites, if the queue would send them at once: no rate is set, no
// claim is unclear, the mail server accepts mail, and no invite of the sender that is due waits. It returns 0
// otherwise. If it returns more, it keeps the lock on claims, and the caller must call d.release.
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
	if due, err := d.Ledger.Store.AnyDue(ctx, d.queue(), d.Ledger.Now()); err != nil || due {
		return 0, err
	}
	return d.window.takeNow(most), nil
}
