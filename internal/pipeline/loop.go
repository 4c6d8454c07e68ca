package pipeline

import (
	"context"
	"math/rand/v2"
	"time"
)

// lookEvery is how long an idle stage waits before it looks for work that no bell in this process has rung for: what another
// process queued, or an invite whose next attempt has come due.
const lookEvery = 200 * time.Millisecond

// bell wakes a stage. Ringing it never blocks, and rings while the stage is busy count once.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// loop is a stage that takes one step after the other while there is work, and waits while there is none.
func (w *Worker) loop(name string, b bell, step func(context.Context) (worked bool, err error)) stage {
	return stage{name, func(ctx context.Context) error {
		out := w.outage(name)
		for ctx.Err() == nil {
			worked, err := w.safely(name, func() (bool, error) { return step(ctx) })
			switch {
			case ctx.Err() != nil:
			case err != nil:
				out.wait(ctx, err)
			case !worked:
				out.over()
				wait(ctx, b, lookEvery)
			default:
				out.over()
			}
		}
		return ctx.Err()
	}}
}

// wait returns when the bell rings, the time is over or the context ends.
func wait(ctx context.Context, b bell, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-b:
	case <-timer.C:
	}
}

// outage waits for something that is away, longer each time, and says so once and not once a second.
type outage struct {
	w     *Worker
	stage string
	since time.Time
	tries int
}

func (w *Worker) outage(stage string) *outage { return &outage{w: w, stage: stage} }

// wait backs off exponentially with full jitter, from 100 ms to 5 s.
func (o *outage) wait(ctx context.Context, err error) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	if o.tries == 0 {
		o.since = time.Now()
		o.w.Log.Warn().Err(err).Str("stage", o.stage).Msg("waiting until this goes again")
	} else {
		o.w.Log.Debug().Err(err).Str("stage", o.stage).Int("tries", o.tries).Msg("still waiting")
	}
	o.w.Observer.Waiting(o.stage, true)
	pause := min(shortest<<min(o.tries, 10), longest)
	o.tries++
	wait(ctx, nil, pause/2+rand.N(pause/2))
}

func (o *outage) over() {
	if o.tries == 0 {
		return
	}
	o.w.Observer.Waiting(o.stage, false)
	o.w.Log.Info().Str("stage", o.stage).Dur("after", time.Since(o.since)).Msg("going again")
	o.tries = 0
}
