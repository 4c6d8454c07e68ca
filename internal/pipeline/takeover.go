package pipeline

import (
	"context"
	"time"
)

// beginLease announces this worker to the others. It waits for a database that is not there yet.
func (w *Worker) beginLease(ctx context.Context) error {
	out := w.outage("lease")
	defer out.over()
	for {
		err := w.Store.Lease(ctx, w.id, w.name, w.LeaseFor)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.wait(ctx, err)
	}
}

// keepLease renews the lease three times as often as it needs to.
func (w *Worker) keepLease(ctx context.Context) error {
	out := w.outage("lease")
	for wait(ctx, nil, w.LeaseFor/3); ctx.Err() == nil; wait(ctx, nil, w.LeaseFor/3) {
		switch err := w.Store.Lease(ctx, w.id, w.name, w.LeaseFor); {
		case err == nil:
			out.over()
		case ctx.Err() == nil:
			out.wait(ctx, err)
		}
	}
	return nil
}

// takeOver looks for workers whose lease has ended, and frees what they held.
func (w *Worker) takeOver(ctx context.Context) (bool, error) {
	took, err := w.Store.TakeOver(ctx, w.id, w.OnUnknown == HoldUnknown)
	if took.Events > 0 || err != nil {
		w.lowWater.rewind(0) // what was another worker's is older than what this one has read
	}
	if err != nil {
		return false, err
	}
	if took.Anything() {
		w.Log.Warn().Int("invites", took.Invites).Int("runs", took.Runs).Int("events", took.Events).Msg("took over from a worker that stopped")
		w.deliverBell.ring()
		w.walkBell.ring()
		w.announceBell.ring()
	}
	wait(ctx, nil, w.LeaseFor/5+time.Second)
	return true, nil
}
