package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/mail"
)

// breaker keeps a delivery from trying every invite in turn against a mail server that can't be reached, or lets nobody in:
// one probe at a time, with growing pauses, until one goes through.
type breaker struct {
	log zerolog.Logger

	mu    sync.Mutex
	since time.Time // when the trouble began; zero: there is none
	pause time.Duration
	until time.Time // no probe before
}

const (
	shortestPause = 500 * time.Millisecond
	longestPause  = 30 * time.Second
)

// waitTurn waits out the pause, and says whether what follows is a probe.
func (b *breaker) waitTurn(ctx context.Context) (probing bool) {
	b.mu.Lock()
	probing, until := !b.since.IsZero(), b.until
	b.mu.Unlock()
	if probing {
		wait(ctx, nil, max(time.Until(until), time.Millisecond))
	}
	return probing
}

// note learns from a result.
func (b *breaker) note(r mail.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	trouble := r.Verdict == mail.Misconfigured || r.Stage == mail.StageConnect
	switch {
	case !trouble && b.since.IsZero():
	case !trouble:
		b.log.Info().Str("server", r.Server).Dur("after", now.Sub(b.since)).Msg("the mail server takes mail again")
		b.since, b.pause, b.until = time.Time{}, 0, time.Time{}
	case b.since.IsZero():
		b.log.Error().Str("server", r.Server).Str("verdict", string(r.Verdict)).Str("stage", string(r.Stage)).Int("code", r.Code).
			Str("said", r.Said).Msg("the mail server takes no mail; invites stay queued until it does")
		b.since, b.pause = now, shortestPause
		b.until = now.Add(b.pause)
	case now.After(b.until): // later results of the same burst do not lengthen the pause
		b.pause = min(2*b.pause, longestPause)
		b.until = now.Add(b.pause)
	}
}
