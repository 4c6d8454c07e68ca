package deliver

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/mail"
	"portal-invites/internal/store"
)

// countsAgainst says whether an attempt that did not get a mail across uses up some of the invite's RetryFor. What came before
// RCPT does not: a server that is away, or lets us not in, costs an invite the time that it is away and nothing else, and the
// breaker waits for it. After that a server may still speak of us (see [mail.Misconfigured]); but where it says so of one mail
// and takes others, that mail must not be tried for ever.
func countsAgainst(r mail.Result) bool {
	return (r.Verdict == mail.Retry || r.Verdict == mail.Throttled || r.Verdict == mail.Unknown || r.Verdict == mail.Misconfigured) &&
		!isSessionStep(r.Step)
}

// putOff is the invites of a batch for which it matters how often they were put off before.
func deferred(batch []result) (invites []uuid.UUID) {
	for _, r := range batch {
		if countsAgainst(r.Result) {
			invites = append(invites, r.Invite.ID)
		}
	}
	return invites
}

// The limits of backoff. RFC 5321, section 4.5.4.1, would have half an hour between two tries, but for the first ones.
const (
	leastBackoff = time.Second
	firstBackoff = time.Minute
	mostBackoff  = 3 * time.Hour
	// What throttles is asked for at an even pace, which slows down where it never ends.
	firstThrottle = time.Minute
	mostThrottle  = 15 * time.Minute
)

// backoff is how long an invite waits before its next attempt: exponentially longer with full jitter, from a minute to three
// hours. A server that throttles is given a minute or two, and that burns no attempt: the next pause is none the longer. It is
// over once the pauses come to retryFor; the last attempt is made right then.
func backoff(v mail.Verdict, before store.Deferral, retryFor time.Duration) (pause time.Duration, over bool) {
	left := retryFor - before.For
	if left <= 0 {
		return 0, true
	}
	if v == mail.Throttled {
		pause = min(max(before.For/10, firstThrottle), mostThrottle)
		pause += rand.N(pause)
	} else {
		pause = max(leastBackoff, rand.N(min(firstBackoff<<min(before.Times, 20), mostBackoff)))
	}
	return min(pause, left), false
}
