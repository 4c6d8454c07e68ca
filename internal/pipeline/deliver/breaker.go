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

// breaker stops a lane while its mail server can't be reached or rejects the connection, so that no invite is tried in
// vain. It probes the server with growing pauses (ADR 40). When a probe succeeds, mails leave again, one at first. If
// the server rejected MAIL or a mail, a probe can't tell whether that has changed, so one mail is tried instead.
type breaker struct {
	log     zerolog.Logger
	sender  string     // "" is the default sender
	waiting func(bool) // called with true when the lane stops, and with false when it recovers
	window  *window    // has its own lock
	pool    *smtp.Pool // has its own lock

	mu      sync.Mutex    // guards every field below; the deliver stage waits, the mailers note results
	trouble mail.Result   // the last result that stopped the lane
	since   time.Time     // when the lane stopped; zero if it has not
	taken   time.Time     // when the server last took a mail, by the ledger's clock; zero if it has not yet
	unclear int           // refusals since then that may be about us
	pause   time.Duration // ceiling of the current pause
	until   time.Time     // end of the current pause
	logged  bool          // the log says that the lane has stopped
	ended   time.Time     // when the lane last recovered
	was     mail.Verdict  // of the trouble before that
	falters bool          // the log says that the server takes mail only now and then
}

const (
	shortestPause = 500 * time.Millisecond
	longestPause  = 30 * time.Second
	// longestUnheard is the longest pause while nobody answers. A server that is away does not mind being asked often, and
	// mails leave soon when it is back (ADR 126).
	longestUnheard = 2 * time.Second
	// A server may turn away every third mail. Then the lane stops and recovers twice a second, which the log says once
	// until the server has taken mail for calmAfter. A stop that lasts for logAfter is logged in any case.
	calmAfter = time.Minute
	logAfter  = 10 * time.Second
	// mostUnclear is how many mails the server may refuse one after the other, without saying why, until the lane stops.
	mostUnclear = 5
)

// aboutServer says whether a result is about the server, not about one mail. Before RCPT the server knows no recipient.
// A misconfiguration affects every mail, and so does a limit of our account.
func aboutServer(r mail.Result) bool {
	return r.Verdict == mail.Misconfigured || r.Verdict == mail.Throttled && r.Mend != "" || isSessionStep(r.Step)
}

// isSessionStep says whether a step comes before the first recipient is named.
func isSessionStep(s mail.Step) bool { return s.Handshake() || s == mail.StepMail }

// away says whether the lane is stopped.
func (b *breaker) away() bool { return !b.stopped().IsZero() }

// stopped returns when the lane stopped; the zero time if it has not.
func (b *breaker) stopped() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since
}

// wait blocks until a mail may be tried, and returns true. It returns false if ctx ends.
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
			b.over(r, "the mail server accepts connections again; queued invites are being sent, one mail at first")
		default:
			b.note(r, began)
		}
	}
	return false
}

// note updates the breaker and the window with the result of a mail or a probe that began at that time.
func (b *breaker) note(r mail.Result, began time.Time) {
	switch {
	case r.Withheld: // says nothing about the server
	case r.Verdict != mail.Misconfigured && r.Step.Handshake() && b.pool.Connected() > 0:
		b.window.shrink() // other connections work, so the server only accepts no more of them
	case aboutServer(r):
		b.begin(r)
	case r.Code == 0, b.beganBefore(began): // no reply, or one to a mail from before the lane stopped, says nothing new
	case r.Verdict == mail.Unclear: // says nothing yet: see [breaker.refused]
	case r.Code == 421:
		b.window.shrink() // the server closes the connection, so the lane has not recovered
	case r.Verdict == mail.Throttled && r.Step != mail.StepRcpt: // a reply to RCPT is about one recipient
		b.window.shrink()
		b.over(r, takesMailAgain)
	default:
		b.window.grow(time.Since(began))
		b.over(r, takesMailAgain)
	}
}

// took records that the server has taken a mail.
func (b *breaker) took(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken, b.unclear = at, 0
}

// lastTaken returns when the server last took a mail; the zero time if it has not since the worker started.
func (b *breaker) lastTaken() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}

// refused records a refusal at that time which may be about us: nothing says that it is about the mail. If the server
// takes no other mail in between, several of them stop the lane (ADR 101).
func (b *breaker) refused(r mail.Result, at time.Time) {
	b.mu.Lock()
	if !at.Before(b.taken) {
		b.unclear++
	}
	stop := b.unclear >= mostUnclear
	b.mu.Unlock()
	if stop {
		b.begin(r)
	}
}

// beganBefore says whether the lane has stopped since that time.
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
		b.since, b.pause, b.logged = now, shortestPause, false
		b.waiting(true)
		b.window.restart()
	case now.Before(b.until): // another result of the same burst does not lengthen the pause
		return
	default:
		b.pause = min(2*b.pause, longestPause)
	}
	if r.Step == mail.StepConnect && r.Code == 0 {
		b.pause = min(b.pause, longestUnheard)
	}
	b.trouble, b.until = r, now.Add(b.pause/2+rand.N(b.pause/2))
	b.logTrouble(now, first, other)
}

// logTrouble says that the lane has stopped, or why it is still stopped, unless the log says so already.
func (b *breaker) logTrouble(now time.Time, first, other bool) {
	r := b.trouble
	calm := b.ended.IsZero() || now.Sub(b.ended) >= calmAfter || r.Verdict == mail.Misconfigured && b.was != r.Verdict
	line := b.log.Error()
	var words string
	switch {
	case first && !calm && b.falters:
		return
	case first && !calm:
		b.falters, line = true, b.log.Warn()
		words = "the mail server takes mail only now and then; the lane stops and recovers each time, and the log says so " +
			"once; "
	case first, !b.logged && now.Sub(b.since) >= logAfter:
		b.logged, b.falters = true, b.falters && !calm
		words = "the mail server takes no mail; invites stay queued until it does; "
	case b.logged && other:
		words = "the mail server still takes no mail, now for another reason; "
	default:
		return
	}
	describe(line, r).Msg(words + b.inItsSettings(whatToDo(r)))
}

// describe adds what the server, or the way to it, said.
func describe(line *zerolog.Event, r mail.Result) *zerolog.Event {
	line = line.Str("server", r.Server).Str("verdict", string(r.Verdict)).Str("smtp_step", string(r.Step))
	if r.Code != 0 { // the server has answered
		line = line.Int("code", r.Code).Str("enhanced", r.Enhanced)
	}
	return line.Str("said", r.Said)
}

// inItsSettings returns advice in the terms of the sender's own settings: the default sender's are variables, and those
// of the others are fields in the file of SMTP_SENDERS.
func (b *breaker) inItsSettings(advice string) string {
	if b.sender == "" {
		return advice
	}
	return "about the sender " + b.sender + " in SMTP_SENDERS: " + mail.SenderFields(advice)
}

// whatToDo tells an operator what ends the trouble.
func whatToDo(r mail.Result) string {
	const where = ` (the server's answer is in "said")`
	switch {
	case r.Mend != "":
		return r.Mend + where + "; the lane tries one mail from time to time; after a change of settings, restart the workers"
	case r.Verdict == mail.Unclear:
		return "it refuses one mail after the other and does not say why; no invite fails of that; " +
			"ask the operator of the server" + where
	case r.Verdict != mail.Misconfigured:
		return `bring the server or the network back ("said" names the trouble); then mails leave without a restart`
	}
	var check string
	switch r.Step {
	case mail.StepConnect:
		check = "check SMTP_HOST and SMTP_PORT"
	case mail.StepTLS:
		check = "check SMTP_TLS and the server's certificate"
	case mail.StepAuth:
		check = "check SMTP_USERNAME and SMTP_PASSWORD"
	case mail.StepMail:
		check = "check SMTP_FROM, and whether the server lets this login send from it"
	case mail.StepMessage, mail.StepRcpt, mail.StepData, mail.StepBody, mail.StepAfter:
		check = "check the SMTP settings and what the server lets this login send"
	}
	return check + where + "; after a change of settings, restart the workers"
}

const takesMailAgain = "the mail server takes mail again; queued invites are being sent"

// over records that the server accepts mail again. If the log says that the lane has stopped, it says so in these
// words.
func (b *breaker) over(r mail.Result, words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return
	}
	if b.logged {
		b.log.Info().Str("server", r.Server).Stringer("after", loop.Rounded(time.Since(b.since))).Msg(words)
	}
	b.ended, b.was = time.Now(), b.trouble.Verdict
	b.since, b.trouble = time.Time{}, mail.Result{}
	b.waiting(false)
}
