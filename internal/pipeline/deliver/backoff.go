package deliver

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/mail"
	"portal-invites/internal/store"
)

// countsAgainst says whether the pause after a failed attempt uses up some of the invite's RetryFor (ADR 39). It
// returns false if the attempt failed before RCPT, the step that names the recipient: then the failure is about the
// server, whichever mail it is, and the invite only waits. From RCPT on it returns true for every attempt that is
// retried, even if the reply says that our setup is wrong (see [mail.Misconfigured]). A server may reply so to one mail
// and take all others. Without a limit, that mail would be tried for ever. A mail that we withheld only waits.
func countsAgainst(r mail.Result) bool {
	comesAgain := r.Verdict == mail.Retry || r.Verdict == mail.Throttled || r.Verdict == mail.Unknown ||
		r.Verdict == mail.Unclear || r.Verdict == mail.Misconfigured
	return comesAgain && !isSessionStep(r.Step) && !r.Withheld
}

// deferred lists the invites of a batch whose earlier deferrals determine what happens next.
func deferred(batch []result) (invites []uuid.UUID) {
	for _, r := range batch {
		if countsAgainst(r.Result) {
			invites = append(invites, r.Invite.ID)
		}
	}
	return invites
}

// The limits of backoff. RFC 5321, section 4.5.4.1, asks for at least half an hour between two attempts, except the
// first ones.
const (
	leastBackoff = time.Second
	firstBackoff = time.Minute
	mostBackoff  = 3 * time.Hour
	// A server that throttles is tried at an even pace, which slows down if the throttling never ends.
	firstThrottle = time.Minute
	mostThrottle  = 15 * time.Minute
)

// backoff returns how long an invite waits before its next attempt. The ceiling doubles with each deferral, from a
// minute to three hours, with full jitter. After a reply that throttles, or a refusal that nothing explains, the invite
// waits one to two minutes, and the ceiling of later pauses does not grow. over is true once the pauses add up to
// retryFor. The last attempt is made right at that time.
func backoff(v mail.Verdict, before store.Deferral, retryFor time.Duration) (pause time.Duration, over bool) {
	left := retryFor - before.For
	if left <= 0 {
		return 0, true
	}
	if v == mail.Throttled || v == mail.Unclear {
		pause = min(max(before.For/10, firstThrottle), mostThrottle)
		pause += rand.N(pause)
	} else {
		pause = max(leastBackoff, rand.N(min(firstBackoff<<min(before.Times, 20), mostBackoff)))
	}
	return min(pause, left), false
}
