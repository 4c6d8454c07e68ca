package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// lease is the row that says that a worker is alive (ADR 2). What the worker has taken names the worker. When its lease
// has run out, other workers take it for dead and take over what it had. Its tenure and the clock have their
// own locks. begin and keep are called one after the other, by one goroutine; the others by any.
type lease struct {
	loop.Runner
	store  *store.Store
	worker uuid.UUID
	name   string
	lasts  time.Duration
	hold   bool // invites of unknown result that are taken over are held for a ruling

	tenure   *tenure
	clock    *clock
	watch    *clockWatch // of the goroutine that renews
	tookOver func()      // called when something was taken over, or may have been
}

// begin takes the lease. It waits until the database can be reached. It returns false if the context ended before.
func (l lease) begin(ctx context.Context) bool {
	out := l.Outage("lease")
	defer out.Over()
	for {
		err := l.renew(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		out.Wait(ctx, err)
	}
}

// keep renews the lease three times in the time that it lasts.
func (l lease) keep(ctx context.Context) error {
	out := l.Outage("lease")
	pause := l.lasts / 3
	for loop.Wait(ctx, nil, pause); ctx.Err() == nil; loop.Wait(ctx, nil, pause) {
		pause = l.lasts / 3
		switch err := l.renew(ctx); {
		case err == nil:
			out.Over()
		case ctx.Err() == nil:
			out.Wait(ctx, err)
			pause = 0 // it has waited already
		}
	}
	return nil
}

// renew renews the lease once, and reads the database's clock. A database that does not answer in time is asked again,
// on another connection.
func (l lease) renew(ctx context.Context) error {
	began := time.Now()
	inTime, cancel := context.WithTimeout(ctx, l.lasts/3)
	defer cancel()
	renewal, err := l.store.Lease(inTime, l.worker, l.name, l.lasts)
	if err != nil {
		l.tenure.fail()
		return err
	}
	l.watch.note(l.clock.set(began, time.Now(), renewal.At))
	if lost := l.tenure.renew(began, renewal.Kept); lost > 0 {
		l.Log.Warn().Stringer("after", loop.Rounded(lost)).Stringer("lease", l.lasts).
			Msg("this worker's lease ran out before it was renewed: the worker was paused, or the database was away; " +
				"the worker mails nothing that it had claimed before")
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

// takeOver looks for workers whose lease has ended, and takes over what they had (ADR 80).
func (l lease) takeOver(ctx context.Context) error {
	took, err := l.store.TakeOver(ctx, store.Heir{ID: l.worker, Steady: l.tenure.isSteady(), Hold: l.hold})
	if err != nil {
		l.tookOver()
		return err
	}
	if took.Anything() {
		l.Log.Warn().Int("invites", took.Invites).Int("runs", took.Runs).Int("events", took.Events).
			Msg("took over the work of a worker that stopped or died; " + l.fate(took.Invites))
		l.tookOver()
	}
	return nil
}

// watchOthers is the step of a stage. It takes over, and rests.
func (l lease) watchOthers(ctx context.Context) (bool, error) {
	if err := l.takeOver(ctx); err != nil {
		return false, err
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
