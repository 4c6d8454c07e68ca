package pipeline

import (
	"sync"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/pipeline/loop"
)

// clock is the database's clock, as far as a worker knows it (ADR 82). All workers go by it, so their own clocks need
// not agree. Each renewal of the lease reads the database's time. Between two renewals the clock goes by the process'
// monotonic time, which nobody can set. It is safe for concurrent use.
type clock struct {
	mu     sync.Mutex // guards every field below
	theirs time.Time  // the database's time; zero before it was read
	ours   time.Time  // the process' time when the database's was theirs
}

// Now returns the database's time. Before it was read once, it is the process' own time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(time.Now())
}

func (c *clock) at(ours time.Time) time.Time {
	if c.theirs.IsZero() {
		return ours
	}
	return c.theirs.Add(ours.Sub(c.ours))
}

// set notes that the database's time was read, between two moments of the process. It changes the clock only if that
// shows the clock to be wrong, so that the time does not go back and forth with the length of a round trip. It returns
// how far the process' own clock is ahead of the database's, without the uncertainty.
func (c *clock) set(asked, answered, theirs time.Time) (ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.theirs.IsZero() || c.at(asked).After(theirs) || c.at(answered).Before(theirs) {
		c.theirs, c.ours = theirs, asked.Add(answered.Sub(asked)/2)
	}
	// Round removes the monotonic time: this is about what the clock of the machine says.
	switch asked, answered := asked.Round(0), answered.Round(0); {
	case asked.After(theirs):
		return asked.Sub(theirs)
	case answered.Before(theirs):
		return answered.Sub(theirs)
	default:
		return 0
	}
}

// clockOff is how far a worker's own clock may differ from the database's before the worker says so.
const clockOff = 5 * time.Second

// clockWatch says once that the worker's own clock differs from the database's, and once that it no longer does. The
// pipeline does not go by that clock. But the log does, and so do the events of a publisher on the same machine. The
// goroutine that renews the lease owns it.
type clockWatch struct {
	log    zerolog.Logger
	report func(ahead time.Duration) // for the metric
	said   bool
}

// note is called with how far the worker's own clock is ahead; less than 0 if it is behind.
func (w *clockWatch) note(ahead time.Duration) {
	w.report(ahead)
	isOff := ahead.Abs() > clockOff
	if isOff == w.said {
		return
	}
	w.said = isOff
	if !isOff {
		w.log.Info().Msg("this machine's clock agrees with the database's again")
		return
	}
	how := "ahead"
	if ahead < 0 {
		how = "behind"
	}
	w.log.Warn().Stringer("by", loop.Rounded(ahead.Abs())).
		Msgf("this machine's clock differs from the database's: it is %s %s; invites go by the database's clock, "+
			"logs and published events by this one: check that both machines set their clocks (NTP)",
			loop.Rounded(ahead.Abs()), how)
}
