package loop

import (
	"context"
	"math/rand/v2"
	"time"
)

// Outage waits for something that is away, longer each time. It says so once, and not at every try. One goroutine owns it.
type Outage struct {
	runner Runner
	stage  string
	since  time.Time
	tries  int
}

// Outage begins with nothing away.
func (r Runner) Outage(stage string) *Outage { return &Outage{runner: r, stage: stage} }

// Wait backs off exponentially with full jitter, from 100 ms to 5 s.
func (o *Outage) Wait(ctx context.Context, err error) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	if o.tries == 0 {
		o.since = time.Now()
		o.runner.Log.Warn().Err(err).Str("stage", o.stage).Msgf("retrying: %s is blocked", o.stage)
	} else {
		o.runner.Log.Debug().Err(err).Str("stage", o.stage).Int("tries", o.tries).Msg("still retrying")
	}
	o.runner.Waiting(o.stage, true)
	pause := min(shortest<<min(o.tries, 10), longest)
	o.tries++
	Wait(ctx, nil, pause/2+rand.N(pause/2))
}

// Over says that what was away is back.
func (o *Outage) Over() {
	if o.tries == 0 {
		return
	}
	o.runner.Waiting(o.stage, false)
	o.runner.Log.Info().Str("stage", o.stage).Dur("after", time.Since(o.since)).Msgf("recovered: %s", o.stage)
	o.tries = 0
}
