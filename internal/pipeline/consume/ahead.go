package consume

import (
	"context"
	"math"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
)

// fetched is the result of a fetch.
type fetched struct {
	batch []events.Delivery
	err   error
}

// next returns what was fetched ahead, or fetches now. It waits until something comes, unless the queue has something
// that can be handled before.
func (c *consumer) next(ctx context.Context) fetched {
	if !c.queue.full() {
		c.fetchAhead(ctx)
	}
	pause, some := c.queue.pause(time.Now())
	if !some {
		return c.came(<-c.ahead)
	}
	enough := time.NewTimer(pause)
	defer enough.Stop()
	select {
	case next := <-c.ahead: // nil while nothing is fetched
		return c.came(next)
	case <-enough.C:
		return fetched{}
	}
}

func (c *consumer) came(next fetched) fetched {
	c.ahead = nil
	return next
}

// firstBatches is how many batches are fetched at once for an empty queue, if the durable has that many. While the
// queue has something to handle, as many are fetched as it has room for. Behind a firm that has sent thousands of
// requests there may be one of another firm, and it should not have to wait for all of them.
const firstBatches = 8

// fetchAhead fetches and decodes while a batch is handled, so that neither waits for the other.
func (c *consumer) fetchAhead(ctx context.Context) {
	if c.ahead != nil {
		return
	}
	ahead := make(chan fetched, 1)
	c.ahead = ahead
	source, fetch := c.source, c.source.Fetch
	batches, room := firstBatches, c.queue.room()
	switch {
	case c.queue.inOrder:
		batches = 1
	case c.queue.weight > 0:
		batches = math.MaxInt
	}
	go func() {
		for !c.Renews() && ctx.Err() == nil { // other workers may reach the database
			loop.Wait(ctx, nil, loop.IdleFor)
		}
		var next fetched
		_, next.err = c.Safely(c.name, func() (_ bool, err error) {
			for n := 0; n < batches && err == nil; n++ {
				var batch []events.Delivery
				batch, err = fetch(ctx, c.size)
				c.held.add(batch)
				next.batch = append(next.batch, batch...)
				for _, d := range batch {
					room -= weigh(d)
				}
				if len(batch) < c.size || room < 0 {
					break
				}
				fetch = source.FetchReady
			}
			return true, err
		})
		if next.err != nil {
			c.giveBack(next.batch) // the stage may be busy for long
			next.batch = nil
		}
		ahead <- next
	}()
}

// giveBack returns a batch to the broker, so that other workers get it at once.
func (c *consumer) giveBack(batch []events.Delivery) {
	c.held.remove(batch)
	events.Return(batch)
}

// stuckAfter is how long the stage may handle one batch before it gives back what was fetched ahead.
const stuckAfter = 2 * time.Second

// giveBackIfStuck gives what was fetched ahead back to the broker if the stage handles a batch for too long (ADR 126).
// The stage may wait for a link that is mute, or for a lock, and other workers may not. Facts are not given back: who
// needs them reads them from the stream. handled must be called when the batch is handled.
func (c *consumer) giveBackIfStuck() (handled func()) {
	ahead := c.ahead
	if ahead == nil || c.queue.inOrder {
		return func() {}
	}
	isHandled, ended := make(chan struct{}), make(chan struct{})
	timer := time.AfterFunc(stuckAfter, func() {
		defer close(ended)
		select {
		case <-isHandled:
		case next := <-ahead:
			c.giveBack(next.batch)
			ahead <- fetched{err: next.err}
		}
	})
	return func() {
		close(isHandled)
		if !timer.Stop() {
			<-ended
		}
	}
}

// handBack returns what was fetched before the worker stopped and is not handled. So other workers get it at once, and
// not only after the broker's timeout.
func (c *consumer) handBack() {
	events.Return(c.queue.all())
	if c.ahead != nil {
		events.Return((<-c.ahead).batch)
	}
}
