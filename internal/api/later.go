package api

import (
	"context"
	"errors"
	"time"
)

// later is what an endpoint returns instead of an answer if the call waits for something to happen. The call waits
// without a slot, and looks again when it is woken.
type later struct {
	until time.Time
	watch func() (woken <-chan struct{}, leave func(), err error)
	look  func(context.Context) (result any, found bool, err error)
}

func (*later) Error() string { return "the answer comes later" }

const (
	// mostWatching is how many calls of one process may wait at once, and mostWatchingOfFirm how many of one firm.
	mostWatching, mostWatchingOfFirm = 2000, 20

	// A call looks again after a pause, which doubles from firstPause to longestPause, and begins anew when it is woken:
	// the stream may have an outcome later than its subscribers, and a lagging replica later than its leader.
	firstPause, longestPause = 10 * time.Millisecond, 10 * time.Second
	// restBetween is how long a call that is woken again and again rests between two looks.
	restBetween = 100 * time.Millisecond
)

func (s *server) answerLater(ctx context.Context, c *call, l *later) {
	err := s.goAside(c, s.watching, func() {
		result, err := s.lookUntil(ctx, c, l)
		s.respond(c, result, err)
	})
	if errors.Is(err, errLineFull) {
		err = tooMany("wait: %d calls of this firm wait already; ask again in a moment, or without it", mostWatchingOfFirm)
	}
	if err != nil {
		s.respond(c, nil, err)
	}
}

// lookUntil looks until something is found or the time is over, and also before the service stops.
func (s *server) lookUntil(ctx context.Context, c *call, l *later) (any, error) {
	woken, leave, err := l.watch()
	if err != nil {
		return nil, err
	}
	defer leave()
	over := time.NewTimer(time.Until(l.until))
	defer over.Stop()
	for pause, last := firstPause, false; ; pause = min(2*pause, longestPause) {
		result, found, err := s.lookInTurn(ctx, c, l)
		if found || err != nil || last {
			return result, err
		}
		looked := time.Now()
		select {
		case <-woken:
			pause = firstPause / 2
			last = rest(ctx, over.C, restBetween-time.Since(looked))
		case <-time.After(pause):
		case <-over.C:
			last = true
		case <-ctx.Done():
			last = true
		}
	}
}

// rest waits, and says whether the time is over meanwhile.
func rest(ctx context.Context, over <-chan time.Time, d time.Duration) (last bool) {
	select {
	case <-time.After(d):
		return false
	case <-over:
		return true
	case <-ctx.Done():
		return true
	}
}

// lookInTurn looks once, when it is the call's turn.
func (s *server) lookInTurn(ctx context.Context, c *call, l *later) (result any, found bool, err error) {
	type looked struct {
		result any
		found  bool
		err    error
	}
	now := time.Now()
	c.waits = waits{turn: turnPatience, answer: now.Add(longestCall)}
	done := make(chan looked, 1)
	s.quick.enter(c.firm, len(c.body), c.waits.turnBy(now), func() {
		var found bool
		result, err := s.safely(ctx, c, func(ctx context.Context) (result any, err error) {
			result, found, err = l.look(ctx)
			return result, err
		})
		done <- looked{result, found, err}
	}, func(err error) { done <- looked{err: err} })
	got := <-done
	return got.result, got.found, got.err
}

// pollOf reads the field wait of a call.
func pollOf(wait string) (time.Duration, error) {
	if wait == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(wait)
	if err != nil || d < 0 || d > LongestPoll {
		return 0, invalid("wait: must be a duration of up to %s (example: 30s)", LongestPoll)
	}
	return d, nil
}

// waitUntil is when a call is answered at the latest that waits so long.
func (c *call) waitUntil(wait time.Duration) time.Time {
	if c.waits.said > 0 {
		wait = min(wait, c.waits.said)
	}
	return c.taken.Add(wait)
}
