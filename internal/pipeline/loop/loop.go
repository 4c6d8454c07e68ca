// Package loop repeats one step of a stage. It waits while there is no work, backs off while something is away, and turns a
// panic into an error. It knows nothing of invites.
package loop

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// IdleFor is how long an idle stage waits before it looks for work that no bell in this process has rung for: what another
// process queued, or an invite whose next attempt has come due.
const IdleFor = 200 * time.Millisecond

// Stage is one of the loops that a worker runs side by side.
type Stage struct {
	Name string
	Run  func(context.Context) error // until the context ends
}

// Runner runs stages, and says when one of them has to wait.
type Runner struct {
	Log     zerolog.Logger
	Waiting func(stage string, waiting bool) // a stage waits for something that is away, or has recovered; must not block
}

// Step is one round of a stage's work. It says whether there was any, and so whether to look again at once.
type Step func(context.Context) (worked bool, err error)

// Stage takes one step after the other while there is work. While there is none it waits for the bell, or for [IdleFor].
func (r Runner) Stage(name string, b Bell, step Step) Stage {
	return Stage{name, func(ctx context.Context) error {
		out := r.Outage(name)
		for ctx.Err() == nil {
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

// Wait returns when the bell rings, the time is over or the context ends. A nil bell never rings.
func Wait(ctx context.Context, b Bell, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-b:
	case <-timer.C:
	}
}
