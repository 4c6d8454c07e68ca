package pipeline

import (
	"context"
	"time"
)

// claimPatience is how long a decision waits for a claim that is being made. After that it goes by the queue.
const claimPatience = 20 * time.Millisecond

// atOnce has invites decided, of which the transaction may itself begin to send as many as room: where nobody waits in the lane, a
// claim would take them in the next moment, and ask again what has just been asked. It hands the senders those that were begun.
func (w *Worker) atOnce(ctx context.Context, most int, decide func(room int) (begun []job, err error)) error {
	d := w.delivery.Load()
	room, err := d.spare(ctx, most)
	if err != nil {
		return err
	}
	if room == 0 {
		_, err := decide(0)
		return err
	}
	defer d.release()
	sending, heard := 0, false
	defer func() {
		if !heard {
			d.unclear.Store(true) // before the room is given back: who clears waits for that
		}
		d.window.giveBack(room - sending)
	}()
	begun, err := decide(room)
	if err != nil {
		return err
	}
	sending, heard = len(begun), true
	for _, j := range begun {
		d.jobs <- j // never blocks, as in take
	}
	return nil
}

// spare takes room for up to most invites, if they may leave without waiting: for somebody who is due before them, for the mail
// server or what is on its way to it, or for a rate. Where it takes any, nobody else claims until d.release.
func (d *delivery) spare(ctx context.Context, most int) (room int, err error) {
	if d == nil || d.Rate > 0 || d.DomainRate > 0 {
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
	if d.ended || d.unclear.Load() || d.server.away() {
		return 0, nil
	}
	if due, err := d.Store.IndividualDue(ctx, d.Now()); err != nil || due {
		return 0, err
	}
	return d.window.takeNow(most), nil
}

func (d *delivery) release() { <-d.claiming }
