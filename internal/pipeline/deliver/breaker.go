package deliver

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline/loop"
)

// breaker keeps a delivery from trying every invite in turn against a mail server that can't be reached, or lets nobody in. It
// asks the server itself, with growing pauses, and lets mails go on, one at first, when it does. What only a mail can tell, as
// whether the sender is taken, is asked with one mail.
type breaker struct {
	log     zerolog.Logger
	waiting func(bool) // told when the server goes and comes
	window  *window
	pool    *smtp.Pool

	mu      sync.Mutex
	trouble mail.Result // the last one; none if since is zero
	since   time.Time   // when it began; zero: there is none
	pause   time.Duration
	until   time.Time // not tried again before
}

const (
	shortestPause = 500 * time.Millisecond
	longestPause  = 30 * time.Second
)

// aboutServer says whether a result is the server's state rather than a mail's: before RCPT it knows nothing of a recipient,
// and what is misconfigured is so for everyone.
func aboutServer(r mail.Result) bool {
	return r.Verdict == mail.Misconfigured || isSessionStep(r.Step)
}

func isSessionStep(s mail.Step) bool { return s.Handshake() || s == mail.StepMail }

// away says whether there is trouble with the server.
func (b *breaker) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero()
}

// wait returns true as soon as a mail may be tried, and false if ctx ends.
func (b *breaker) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		b.mu.Lock()
		open, until, handshake := !b.since.IsZero(), b.until, b.trouble.Step.Handshake()
		b.mu.Unlock()
		if !open {
			return true
		}
		loop.Wait(ctx, nil, max(time.Until(until), time.Millisecond))
		if !handshake {
			return ctx.Err() == nil
		}
		began := time.Now()
		r, ok := b.pool.Probe(ctx)
		switch {
		case ctx.Err() != nil:
		case ok:
			b.over(r)
		default:
			b.note(r, began)
		}
	}
	return false
}

// note learns from the result of a mail that was begun at that time.
func (b *breaker) note(r mail.Result, began time.Time) {
	switch {
	case r.Verdict != mail.Misconfigured && r.Step.Handshake() && b.pool.Connected() > 0:
		b.window.shrink() // other connections work: the server lets no more of them in
	case aboutServer(r):
		b.begin(r)
	case r.Code == 0, b.beganBefore(began): // nobody answered or was asked, or that was before the trouble
	case r.Code == 421:
		b.window.shrink() // and it closes: that is not to take mail
	case r.Verdict == mail.Throttled && r.Step != mail.StepRcpt: // what is said at RCPT is about one recipient
		b.window.shrink()
		b.over(r)
	default:
		b.window.grow(time.Since(began))
		b.over(r)
	}
}

// beganBefore says whether that was before there was trouble.
func (b *breaker) beganBefore(began time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero() && began.Before(b.since)
}

func (b *breaker) begin(r mail.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	first := b.since.IsZero()
	other := b.trouble.Verdict != r.Verdict || b.trouble.Step != r.Step
	switch {
	case first:
		b.since, b.pause = now, shortestPause
		b.waiting(true)
		b.window.restart()
	case now.Before(b.until): // of the same burst: it does not lengthen the pause
		return
	default:
		b.pause = min(2*b.pause, longestPause)
	}
	b.trouble, b.until = r, now.Add(b.pause/2+rand.N(b.pause/2))
	if first || other {
		b.log.Error().Str("server", r.Server).Str("verdict", string(r.Verdict)).Str("stage", string(r.Step)).Int("code", r.Code).
			Str("said", r.Said).Msg("the mail server takes no mail; invites stay queued until it does")
	}
}

func (b *breaker) over(r mail.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return
	}
	b.log.Info().Str("server", r.Server).Dur("after", time.Since(b.since)).Msg("the mail server takes mail again")
	b.since, b.trouble = time.Time{}, mail.Result{}
	b.waiting(false)
}
