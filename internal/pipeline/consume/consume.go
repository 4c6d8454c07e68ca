// Package consume handles the messages of a durable batch by batch. A message that can't be read or handled becomes a
// dead letter.
package consume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Observer counts messages. Its methods must not block.
type Observer interface {
	// Handled is called after a batch of n messages of a durable has been handled, with the time it took.
	Handled(durable string, n int, took time.Duration)
	// Buried is called when a message of a durable has become a dead letter.
	Buried(durable string)
}

// Handler handles a batch and commits the result. The batch is acknowledged after that. The barrier says how far facts
// have been applied. An error for which [store.Away] or [events.Away] holds is retried without a limit, other errors a
// few times. Then the batch is halved until the message at fault is found and buried.
type Handler func(context.Context, *events.Barrier, []events.Delivery) error

// Consumers makes those stages of a worker that consume the stream.
type Consumers struct {
	loop.Runner
	Observer Observer
	JS       jetstream.JetStream
	Topology events.Topology
	Store    *store.Store // keeps dead letters as rows
	Now      func() time.Time
}

// Stage makes the stage that consumes one durable, up to size messages at a time.
func (c Consumers) Stage(name, durable string, size int, handle Handler) loop.Stage {
	consumer := &consumer{Consumers: c, name: name, durable: durable, size: size, handle: handle}
	stage := c.Runner.Stage(name, loop.NewBell(), consumer.step)
	return loop.Stage{Name: name, Run: func(ctx context.Context) error {
		defer consumer.handBack()
		return stage.Run(ctx)
	}}
}

// consumer fetches and decodes the next batch while one is handled. The goroutine of its stage handles one batch after
// the other, and owns every field.
type consumer struct {
	Consumers
	name    string // of the stage
	durable string
	size    int
	handle  Handler

	source  *events.Source // nil: to be opened
	opened  bool           // source was opened just now, and nothing was fetched from it yet
	barrier *events.Barrier
	ahead   chan fetched // has the next batch, or will have it; nil while none is being fetched
}

func (c *consumer) step(ctx context.Context) (bool, error) {
	if err := c.open(ctx); err != nil {
		return false, err
	}
	wasAhead := c.ahead != nil
	next := c.next(ctx)
	defer next.over()
	if next.err != nil {
		events.Return(next.batch) // the worker stops; other workers get the batch at once
		c.source = nil            // the stream or the durable may have been created again, so bind again
		if wasAhead && events.Away(next.err) {
			return true, nil // the error may be from an outage that has ended meanwhile, so try once more
		}
		return false, next.err
	}
	if len(next.batch) == 0 {
		return true, nil // Fetch has waited already, so fetch again at once
	}
	if !takesTurns(next.batch) {
		c.fetchAhead(ctx)
	}
	began := time.Now()
	if err := c.settle(ctx, next.batch); err != nil {
		return false, err
	}
	c.Observer.Handled(c.durable, len(next.batch), time.Since(began))
	return true, nil
}

func (c *consumer) open(ctx context.Context) (err error) {
	if c.source != nil {
		return nil
	}
	if err := c.Topology.Ensure(ctx, c.JS); err != nil {
		return err
	}
	if c.barrier, err = events.OpenBarrier(ctx, c.JS); err != nil {
		return err
	}
	c.source, err = events.OpenSource(ctx, c.JS, c.durable)
	c.opened = true
	return err
}

// settle handles or buries every delivery of a batch. It returns early only when the worker stops. Then the rest of the
// batch goes back to the broker.
func (c *consumer) settle(ctx context.Context, batch []events.Delivery) error {
	readable := make([]events.Delivery, 0, len(batch))
	for _, d := range batch {
		if d.Unreadable == nil {
			readable = append(readable, d)
		} else if err := c.bury(ctx, d, d.Unreadable); err != nil {
			events.Return(batch)
			return err
		}
	}
	return c.apply(ctx, readable)
}

// apply handles deliveries together, and acknowledges them after the commit. If one of them makes that fail, halving
// the batch finds it. So a poisonous message costs the others only a few more transactions.
func (c *consumer) apply(ctx context.Context, batch []events.Delivery) error {
	if len(batch) == 0 {
		return nil
	}
	err := c.try(ctx, batch)
	switch {
	case err == nil:
		events.Ack(batch)
		return nil
	case ctx.Err() != nil:
		events.Return(batch)
		return ctx.Err()
	case len(batch) == 1:
		c.Log.Error().Err(err).Str("durable", c.durable).Uint64("sequence", batch[0].At.Sequence).
			Msg("an event can't be handled; it becomes a dead letter")
		return c.bury(ctx, batch[0], fmt.Errorf("can't be handled: %s", shortReason(err)))
	default:
		half := len(batch) / 2
		return errors.Join(c.apply(ctx, batch[:half]), c.apply(ctx, batch[half:]))
	}
}

// maxTries is how often a batch is tried if the error is of an unknown kind.
const maxTries = 5

// try handles a batch. While the database or the broker is down, it retries without a limit.
func (c *consumer) try(ctx context.Context, batch []events.Delivery) error {
	out := c.Outage(c.name)
	defer out.Over()
	for tries := 1; ; {
		_, err := c.Safely(c.name, func() (bool, error) { return true, c.handle(ctx, c.barrier, batch) })
		if err == nil || ctx.Err() != nil || isPoison(err) || tries == maxTries {
			return err
		}
		if !store.Away(err) && !events.Away(err) {
			tries++
		}
		out.Wait(ctx, err)
	}
}
