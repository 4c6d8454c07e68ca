package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// lease is the row that says that a worker is alive (ADR 2). What the worker has taken names the worker. When its lease
// has run out, other workers take it for dead and take over what it had. Nothing in a lease changes, so its methods may
// be called from any goroutine.
type lease struct {
	loop.Runner
	store  *store.Store
	worker uuid.UUID
	name   string
	lasts  time.Duration
	hold   bool // invites of unknown result that are taken over are held for a ruling

	tookOver func() // called when something was taken over, or may have been
}

// begin takes the lease. It waits until the database can be reached.
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

// keep renews the lease three times in the time that it lasts.
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

// end gives up the lease, so that other workers take over at once what this worker still has.
func (l lease) end(ctx context.Context) {
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := l.store.EndLease(endCtx, l.worker); err != nil {
		l.Log.Warn().Err(err).Stringer("lease", l.lasts).
			Msg("could not end the lease; other workers take over when it runs out by itself")
	}
}

// takeOver looks for workers whose lease has ended, and takes over what they had.
func (l lease) takeOver(ctx context.Context) (bool, error) {
	took, err := l.store.TakeOver(ctx, l.worker, l.hold)
	if err != nil {
		l.tookOver()
		return false, err
	}
	if took.Anything() {
		l.Log.Warn().Int("invites", took.Invites).Int("runs", took.Runs).Int("events", took.Events).
			Msg("took over the work of a worker that stopped or died; " + l.fate(took.Invites))
		l.tookOver()
	}
	loop.Wait(ctx, nil, l.lasts/5+time.Second)
	return true, nil
}

// fate tells an operator what happens to the mails that the other worker was sending.
func (l lease) fate(invites int) string {
	switch {
	case invites == 0:
		return "it was sending no mail"
	case l.hold:
		return `its mails may have arrived: rule on them with "invitectl held"`
	default:
		return "its mails may have arrived, and are sent again with the same Message-ID and link"
	}
}
