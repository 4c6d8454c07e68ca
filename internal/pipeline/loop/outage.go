package loop

import (
	"context"
	"math/rand/v2"
	"time"
)

// Outage waits before a failed step is retried, longer each time. It logs a warning at the first failure, and not at
// each retry. One goroutine owns it.
type Outage struct {
	runner Runner
	stage  string
	since  time.Time
	tries  int
	atMost time.Duration // the longest pause
}

// Outage makes the outage of a stage, which has not failed yet.
func (r Runner) Outage(stage string) *Outage {
	return &Outage{runner: r, stage: stage, atMost: 5 * time.Second}
}

// AtMost sets the longest pause between two tries. It is 5 s otherwise.
func (o *Outage) AtMost(pause time.Duration) *Outage {
	o.atMost = pause
	return o
}

// Wait backs off exponentially from 100 ms to the longest pause, with jitter: each pause is between half and all of its
// ceiling.
func (o *Outage) Wait(ctx context.Context, err error) {
	const shortest = 100 * time.Millisecond
	if o.tries == 0 {
		o.since = time.Now()
		o.runner.Log.Warn().Err(err).Str("stage", o.stage).
			Msgf("retrying: %s is blocked; it recovers by itself once the cause of the error is gone", o.stage)
	} else {
		o.runner.Log.Debug().Err(err).Str("stage", o.stage).Int("tries", o.tries).Msgf("still retrying: %s", o.stage)
	}
	o.runner.Waiting(o.stage, true)
	pause := min(shortest<<min(o.tries, 10), o.atMost)
	o.tries++
	Wait(ctx, nil, pause/2+rand.N(pause/2))
}

// Rounded is a duration as logs show it: "46.9s".
func Rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// Over ends the outage: the step has succeeded.
func (o *Outage) Over() {
	if o.tries == 0 {
		return
	}
	o.runner.Waiting(o.stage, false)
	after := Rounded(time.Since(o.since))
	o.runner.Log.Info().Str("stage", o.stage).Stringer("after", after).Msgf("recovered: %s", o.stage)
	o.tries = 0
}
