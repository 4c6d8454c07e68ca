// Package loop repeats the step of a stage. It waits while there is no work, backs off after an error, and turns a
// panic into an error. It knows nothing about invites.
package loop

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// IdleFor is how long an idle stage waits before it looks for work again. There may be work for which no bell of this
// process has rung: an invite that another process has queued, or one that has come due.
const IdleFor = 200 * time.Millisecond

// Stage is one of the loops that a worker runs side by side.
type Stage struct {
	Name string
	Run  func(context.Context) error // runs until the context ends
}

// Runner runs stages, and reports when one of them is blocked.
type Runner struct {
	Log zerolog.Logger
	// Waiting is called with true when a stage is blocked, and with false when it has recovered. It must not block.
	Waiting func(stage string, waiting bool)
	// Hold is called before each step. It may wait until the stage may go on, or until the context ends; may be nil.
	Hold func(ctx context.Context)
}

// Step is one round of a stage's work. worked says whether there was any, and so whether to look again at once.
type Step func(context.Context) (worked bool, err error)

// Stage makes a stage that takes one step after the other while there is work. Without work it waits for the bell, or
// for [IdleFor].
func (r Runner) Stage(name string, b Bell, step Step) Stage {
	return Stage{name, func(ctx context.Context) error {
		out := r.Outage(name)
		for ctx.Err() == nil {
			if r.Hold != nil {
				r.Hold(ctx)
			}
			if ctx.Err() != nil {
				break
			}
			worked, err := r.Safely(name, func() (bool, error) { return step(ctx) })
			switch {
			case ctx.Err() != nil:
			case err != nil:
				out.Wait(ctx, err)
			case !worked:
				out.Over()
				Wait(ctx, b, IdleFor)
			default:
				out.Over()
			}
		}
		return ctx.Err()
	}}
}

// Wait returns when the bell rings, after d, or when the context ends. A nil bell never rings.
func Wait(ctx context.Context, b Bell, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-b:
	case <-timer.C:
	}
}
