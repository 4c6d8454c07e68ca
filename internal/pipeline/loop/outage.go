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
}

// Outage makes the outage of a stage, which has not failed yet.
func (r Runner) Outage(stage string) *Outage { return &Outage{runner: r, stage: stage} }

const (
	shortestPause = 100 * time.Millisecond
	// longestPause is short, because an invite may meet the pauses of several stages one after the other when an outage
	// ends (ADR 126).
	longestPause = time.Second
)

// Wait backs off exponentially from the shortest to the longest pause, with jitter: each pause is between half and all
// of its ceiling.
func (o *Outage) Wait(ctx context.Context, err error) {
	if o.tries == 0 {
		o.since = time.Now()
		o.runner.Log.Warn().Err(err).Str("stage", o.stage).
			Msgf("retrying: %s is blocked; it recovers by itself once the cause of the error is gone", o.stage)
	} else {
		o.runner.Log.Debug().Err(err).Str("stage", o.stage).Int("tries", o.tries).Msgf("still retrying: %s", o.stage)
	}
	o.runner.Waiting(o.stage, true)
	pause := min(shortestPause<<min(o.tries, 10), longestPause)
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
