package consume

import (
	"context"
	"time"

	"portal-invites/internal/events"
)

// fetched is the result of a fetch.
type fetched struct {
	batch []events.Delivery
	err   error
	over  func() // stops the reports of progress for the batch
}

// nothing is what comes if no fetch has ended.
var nothing = fetched{over: func() {}}

// next returns the batch that was fetched ahead, or fetches one now. While requests wait for facts, it returns early
// with nothing, so that the stage looks at them again.
func (c *consumer) next(ctx context.Context) fetched {
	if len(c.later) == 0 {
		c.fetchAhead(ctx)
		next := <-c.ahead
		c.ahead = nil
		return next
	}
	again := time.NewTimer(c.pause)
	defer again.Stop()
	ahead := c.ahead
	if c.weight > mostWaiting {
		ahead = nil // take no more until some of them are decided
	} else if ahead == nil {
		c.fetchAhead(ctx)
		ahead = c.ahead
	}
	select {
	case next := <-ahead:
		c.ahead = nil
		return next
	case <-again.C:
		return nothing
	}
}

// fetchAhead fetches and decodes a batch while another one is handled, so that neither waits for the other.
func (c *consumer) fetchAhead(ctx context.Context) {
	if c.ahead != nil {
		return
	}
	ahead := make(chan fetched, 1)
	c.ahead = ahead
	fetch := c.source.Fetch
	if c.opened {
		fetch = c.source.FetchReady // returns at once, so that the end of an outage is noticed at once
		c.opened = false
	}
	go func() {
		var batch []events.Delivery
		_, err := c.Safely(c.name, func() (_ bool, err error) {
			batch, err = fetch(ctx, c.size)
			return true, err
		})
		ahead <- fetched{batch, err, c.held.add(batch)}
	}()
}

const (
	// mostWaiting is how much the requests that wait for facts may weigh, in bytes.
	mostWaiting = 16 << 20
	// shortestPause and longestPause are how long a stage waits before it looks at those requests again.
	shortestPause, longestPause = time.Millisecond, 50 * time.Millisecond
)

// keep holds requests that wait for facts. decided is how many others were decided with them: if none was, the stage
// looks at them again later and later.
func (c *consumer) keep(later []events.Delivery, decided int) {
	c.pause = min(2*c.pause, longestPause)
	if decided > 0 {
		c.pause = shortestPause
	}
	c.weight, c.later = 0, later
	for i := range later {
		later[i].Waited = true
		c.weight += later[i].Weight()
	}
	release := c.release
	c.release = c.held.add(later)
	release()
}

// handBack returns what was fetched before the worker stopped and is not handled. So other workers get it at once, and
// not only after the broker's timeout.
func (c *consumer) handBack() {
	events.Return(c.later)
	c.release()
	if c.ahead == nil {
		return
	}
	next := <-c.ahead
	next.over()
	events.Return(next.batch)
}
