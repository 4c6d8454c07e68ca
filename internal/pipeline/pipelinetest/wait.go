package pipelinetest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func (r *Rig) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Ctx, d)
}

// WithWorkers waits until workers have taken n messages of a durable and not acknowledged them.
func (r *Rig) WithWorkers(durable string, n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		consumer, err := r.JS.Consumer(r.Ctx, events.EventsStream, durable)
		if err != nil {
			return err
		}
		if got := consumer.CachedInfo().NumAckPending; got != n {
			return fmt.Errorf("%d messages of %s are with workers, want %d", got, durable, n)
		}
		return nil
	})
}

// Decided waits until n invites are stored. A test that needs only decisions stops the mailbox first, because composing
// a mail takes longer than everything else.
func (r *Rig) Decided(n int) {
	r.TB.Helper()
	r.Handled(events.InviteDurable)
	testenv.Eventually(r.TB, time.Minute, func() error {
		if got := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`); got != n {
			return fmt.Errorf("%d of %d recipients are decided", got, n)
		}
		return nil
	})
}

// Attempted waits until n attempts have a result.
func (r *Rig) Attempted(n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		if got := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE finished_at IS NOT NULL`); got < n {
			return fmt.Errorf("%d of %d attempts have ended", got, n)
		}
		return nil
	})
}

// Due makes every queued invite due now, so that no test waits for a pause.
func (r *Rig) Due() {
	r.TB.Helper()
	r.Must(r.Alone(func(tx pgx.Tx) error {
		_, err := tx.Exec(r.Ctx, `UPDATE invites SET next_attempt_at = now() WHERE state = 'queued' AND held_at IS NULL`)
		return err
	}))
}

// Alone calls fn while no other transaction can change an invite.
func (r *Rig) Alone(fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(r.Ctx, r.DB, func(tx pgx.Tx) error {
		if _, err := tx.Exec(r.Ctx, `LOCK TABLE invites IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		return fn(tx)
	})
}

// Completed returns the RunCompleted of a bulk request's run.
func (r *Rig) Completed(id string) testkit.Outcome {
	r.TB.Helper()
	for _, o := range r.Published(events.RunCompleted) {
		if o.Cause.ID == id {
			return o
		}
	}
	r.TB.Fatalf("the run of %s has not completed", id)
	return testkit.Outcome{}
}
