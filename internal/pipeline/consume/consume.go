// Package consume works a durable of the stream off batch by batch. What can't be read or handled goes to the dead letters.
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

// Observer is told what became of messages. Its methods must not block.
type Observer interface {
	// Handled: a batch of n messages of a durable is done with, in this time.
	Handled(durable string, n int, took time.Duration)
	// Buried: a message went to the dead letters.
	Buried(durable string)
}

// Handler brings a batch to its end and commits that, and nothing is acknowledged before. The barrier says how far facts
// have been applied. An error for which [store.Away] or [events.Away] holds is retried for as long as it takes, others
// a few times; then the batch is halved until the message at fault is found and buried.
type Handler func(context.Context, *events.Barrier, []events.Delivery) error

// Consumers makes the stages of a worker that consume the stream.
type Consumers struct {
	loop.Runner
	Observer Observer
	JS       jetstream.JetStream
	Topology events.Topology
	Store    *store.Store // keeps dead letters as rows
	Now      func() time.Time
}

// Stage consumes one durable, up to size messages at a time.
func (c Consumers) Stage(name, durable string, size int, handle Handler) loop.Stage {
	consumer := &consumer{Consumers: c, durable: durable, size: size, handle: handle}
	stage := c.Runner.Stage(name, loop.NewBell(), consumer.step)
	return loop.Stage{Name: name, Run: func(ctx context.Context) error {
		defer consumer.handBack()
		return stage.Run(ctx)
	}}
}

// consumer fetches and decodes the next batch while one is handled. Batches are handled one after the other, all by the
// goroutine of its stage, which owns every field.
type consumer struct {
	Consumers
	durable string
	size    int
	handle  Handler

	source  *events.Source // nil: to be opened
	barrier *events.Barrier
	ahead   chan fetched // has the next batch, or will have it; nil while none is being fetched
}

func (c *consumer) step(ctx context.Context) (bool, error) {
	if err := c.open(ctx); err != nil {
		return false, err
	}
	next := c.next(ctx)
	defer next.over()
	if next.err != nil {
		events.Return(next.batch) // the worker stops, and others need not wait until the broker misses it
		c.source = nil            // the stream or the durable may have been made anew: bind again
		return false, next.err
	}
	if len(next.batch) == 0 {
		return true, nil // Fetch has waited; ask again at once
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
	return err
}

// settle brings every delivery of a batch to its end: handled, or among the dead letters. It returns early only when the
// worker stops; what is left goes back to the broker.
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

// apply handles deliveries together, and acknowledges them after the commit. Where that fails on one of them, halving finds
// it: a poisonous message costs the others a few more transactions, and nothing else.
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
		c.Log.Error().Err(err).Str("durable", c.durable).Uint64("sequence", batch[0].At.Sequence).Msg("an event can't be handled")
		return c.bury(ctx, batch[0], fmt.Errorf("can't be handled: %s", shortReason(err)))
	default:
		half := len(batch) / 2
		return errors.Join(c.apply(ctx, batch[:half]), c.apply(ctx, batch[half:]))
	}
}

// maxTries is how often a batch is tried again for an error of unknown kind.
const maxTries = 5

// try handles a batch, and waits for as long as the database or the broker is away.
func (c *consumer) try(ctx context.Context, batch []events.Delivery) error {
	out := c.Outage(c.durable)
	defer out.Over()
	for tries := 1; ; {
		_, err := c.Safely(c.durable, func() (bool, error) { return true, c.handle(ctx, c.barrier, batch) })
		if err == nil || ctx.Err() != nil || isPoison(err) || tries == maxTries {
			return err
		}
		if !store.Away(err) && !events.Away(err) {
			tries++
		}
		out.Wait(ctx, err)
	}
}
