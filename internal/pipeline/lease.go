package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// lease is what a worker holds everything else by: a row that says it is alive. A worker whose lease has run out is taken for
// dead, and others take over what it held.
type lease struct {
	loop.Runner
	store  *store.Store
	worker uuid.UUID
	name   string
	lasts  time.Duration
	hold   bool // invites of unknown result that are taken over wait for a person

	tookOver func() // called when something was taken over, and when that is unclear
}

// begin announces this worker to the others. It waits for a database that is not there yet.
func (l lease) begin(ctx context.Context) error {
	out := l.Outage("lease")
	defer out.Over()
	for {
		err := l.store.Lease(ctx, l.worker, l.name, l.lasts)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.Wait(ctx, err)
	}
}

// keep renews the lease three times as often as it needs to.
func (l lease) keep(ctx context.Context) error {
	out := l.Outage("lease")
	for loop.Wait(ctx, nil, l.lasts/3); ctx.Err() == nil; loop.Wait(ctx, nil, l.lasts/3) {
		switch err := l.store.Lease(ctx, l.worker, l.name, l.lasts); {
		case err == nil:
			out.Over()
		case ctx.Err() == nil:
			out.Wait(ctx, err)
		}
	}
	return nil
}

// end lets others take over at once what this worker still holds.
func (l lease) end(ctx context.Context) {
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := l.store.EndLease(endCtx, l.worker); err != nil {
		l.Log.Warn().Err(err).Msg("others take over when the lease runs out")
	}
}

// takeOver looks for workers whose lease has ended, and frees what they held.
func (l lease) takeOver(ctx context.Context) (bool, error) {
	took, err := l.store.TakeOver(ctx, l.worker, l.hold)
	if err != nil {
		l.tookOver()
		return false, err
	}
	if took.Anything() {
		l.Log.Warn().Int("invites", took.Invites).Int("runs", took.Runs).Int("events", took.Events).
			Msg("took over from a worker that stopped")
		l.tookOver()
	}
	loop.Wait(ctx, nil, l.lasts/5+time.Second)
	return true, nil
}
