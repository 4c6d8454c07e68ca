// Package consume handles the messages of a durable batch by batch. A message that can't be read or handled becomes a
// dead letter.
package consume

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// LeftOut is called for each field of a fact that could not be used and was left out.
	LeftOut(t events.Type, field string)
	// StoodStill is called while a durable's ack floor stands still for too long, with the sequence of the message behind
	// it. It is called with zeros when the floor moves again.
	StoodStill(durable string, sequence uint64, lasts time.Duration)
	// StreamCompared is called after the stream was compared with what the ledger knows about it.
	StreamCompared(state StreamState)
}

// Handler handles a batch and commits the result. What it returns for later waits for facts, and is handed to it again
// with the next batch. The rest is acknowledged. The barrier says how far facts have been applied. An error for which
// [store.Away] or [events.Away] holds is retried without a limit, other errors a few times. Then the batch is halved
// until the message at fault is found and buried.
type Handler func(ctx context.Context, b *Barrier, batch []events.Delivery) (later []events.Delivery, err error)

// Consumers makes those stages of a worker that consume the stream.
type Consumers struct {
	loop.Runner
	Observer Observer
	JS       jetstream.JetStream
	Topology events.Topology
	Store    *store.Store // keeps dead letters as rows
	Now      func() time.Time
	Facts    ApplyFirm // for requests that wait for facts
	Timeline *Timeline
	// Alive says whether the worker's lease lasts. While it does not, the broker may redeliver what the worker holds.
	Alive func() bool
	// Renews says whether the last renewal of the lease has succeeded. While it has not, the worker fetches nothing.
	Renews func() bool
	Pulse  *loop.Pulse
	// Databases counts the databases that the worker has had (ADR 107).
	Databases func() int64
}

// Stage makes the stage that consumes one durable, up to size messages at a time.
func (c Consumers) Stage(name, durable string, size int, handle Handler) loop.Stage {
	consumer := &consumer{
		Consumers: c, name: name, durable: durable, size: size, handle: handle,
		queue: queue{inOrder: durable == events.FactsDurable},
	}
	stage := c.Runner.Stage(name, loop.NewBell(), consumer.step)
	return loop.Stage{Name: name, Run: func(ctx context.Context) error {
		go consumer.held.reportProgress(ctx, events.ProgressEvery(durable), c.Alive)
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
	barrier *Barrier
	epochs  int          // of the stream when the barrier was made
	having  int64        // the number of databases then
	ahead   chan fetched // has what was fetched ahead, or will have it; nil while nothing is being fetched
	queue   queue
	held    held
}

func (c *consumer) step(ctx context.Context) (bool, error) {
	if err := c.open(ctx); err != nil {
		return false, err
	}
	wasAhead := c.ahead != nil
	next := c.next(ctx)
	if next.err != nil {
		c.source = nil // the stream or the durable may have been created again, so bind again
		if wasAhead && events.Away(next.err) {
			return true, nil // the error may be from an outage that has ended meanwhile, so try once more
		}
		return false, next.err
	}
	c.queue.add(next.batch)
	if err := c.renewBarrier(ctx); err != nil {
		return false, err
	}
	batch := c.queue.take(c.size, time.Now())
	if len(batch) == 0 {
		return true, nil // next has waited already, so look again at once
	}
	if !c.queue.full() {
		c.fetchAhead(ctx)
	}
	began := time.Now()
	handled := c.giveBackIfStuck()
	later, err := c.settle(ctx, batch)
	handled()
	done := without(batch, later)
	c.held.remove(done)
	c.queue.putBack(batch, later, time.Now())
	if err != nil {
		return false, err
	}
	if len(done) > 0 {
		c.Observer.Handled(c.durable, len(done), time.Since(began))
	}
	return true, nil
}

func (c *consumer) open(ctx context.Context) (err error) {
	if c.source != nil {
		return nil
	}
	if err := c.Topology.Ensure(ctx, c.JS); err != nil {
		return err
	}
	if err = c.openBarrier(ctx); err != nil {
		return err
	}
	source, err := events.OpenSource(ctx, c.JS, c.durable)
	if err != nil {
		return err
	}
	source.PlaceBy(c.Timeline)
	c.source = source
	return nil
}

// openBarrier makes a barrier for the stream as it is now. A barrier remembers how far facts are applied, which is no
// longer true after the stream or the database went back. The database is counted first. So a barrier that remembers
// something of an earlier database is never taken for one of the next.
func (c *consumer) openBarrier(ctx context.Context) error {
	having := c.Databases()
	epochs, err := c.Timeline.Epochs(ctx)
	if err != nil {
		return err
	}
	barrier, err := events.OpenBarrier(ctx, c.JS)
	if err != nil {
		return err
	}
	barrier.PlaceBy(epochs)
	c.barrier, c.epochs, c.having = NewBarrier(barrier, c.Facts), len(epochs), having
	return nil
}

// renewBarrier makes another barrier after the stream went back, and on another database.
func (c *consumer) renewBarrier(ctx context.Context) error {
	if len(c.Timeline.Known()) == c.epochs && c.Databases() == c.having {
		return nil
	}
	return c.openBarrier(ctx)
}

// settle handles or buries every delivery of a batch, but for those for later. It returns an error only when the worker
// stops. Then the rest of the batch goes back to the broker.
func (c *consumer) settle(ctx context.Context, batch []events.Delivery) (later []events.Delivery, err error) {
	readable := make([]events.Delivery, 0, len(batch))
	var unreadable []events.Burial
	for _, d := range batch {
		if d.Unreadable == nil {
			readable = append(readable, d)
		} else {
			unreadable = append(unreadable, events.Burial{Delivery: d, Reason: d.Unreadable})
		}
	}
	if err := c.bury(ctx, unreadable...); err != nil {
		events.Return(batch)
		return nil, err
	}
	return c.apply(ctx, readable)
}

// apply handles deliveries together, and acknowledges them after the commit. If one of them makes that fail, halving
// the batch finds it. So a poisonous message costs the others only a few more transactions.
func (c *consumer) apply(ctx context.Context, batch []events.Delivery) (later []events.Delivery, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	later, err = c.try(ctx, batch)
	if refused, is := errors.AsType[events.RefusedError](err); is && ctx.Err() == nil {
		return c.applyOthers(ctx, batch, refused)
	}
	switch {
	case err == nil:
		events.Ack(without(batch, later))
		c.reportLeftOut(batch)
		return later, nil
	case ctx.Err() != nil:
		events.Return(batch)
		return nil, ctx.Err()
	case len(batch) == 1:
		c.Log.Error().Err(err).Str("durable", c.durable).Uint64("sequence", batch[0].At.Sequence).
			Msg("an event can't be handled; it becomes a dead letter")
		reason := fmt.Errorf("can't be handled: %s", shortReason(err))
		return nil, c.bury(ctx, events.Burial{Delivery: batch[0], Reason: reason})
	default:
		half := len(batch) / 2
		first, firstErr := c.apply(ctx, batch[:half])
		second, secondErr := c.apply(ctx, batch[half:])
		return slices.Concat(first, second), errors.Join(firstErr, secondErr)
	}
}

// applyOthers buries the refused deliveries of a batch, and handles the others.
func (c *consumer) applyOthers(
	ctx context.Context, batch []events.Delivery, refused events.RefusedError,
) (later []events.Delivery, err error) {
	others := make([]events.Delivery, 0, len(batch))
	for _, d := range batch {
		if reason, is := refused[d.At.Sequence]; !is {
			others = append(others, d)
		} else if err := c.bury(ctx, events.Burial{Delivery: d, Reason: reason}); err != nil {
			events.Return(batch)
			return nil, err
		}
	}
	return c.apply(ctx, others)
}

// without returns the deliveries of a batch that are not for later. Both lists are in the stream's order.
func without(batch, later []events.Delivery) []events.Delivery {
	if len(later) == 0 {
		return batch
	}
	wait := make(map[uint64]bool, len(later))
	for _, d := range later {
		wait[d.At.Sequence] = true
	}
	return slices.DeleteFunc(slices.Clone(batch), func(d events.Delivery) bool { return wait[d.At.Sequence] })
}

// maxTries is how often a batch is tried if the error is of an unknown kind.
const maxTries = 5

// try handles a batch. While the database or the broker is down, it retries without a limit.
func (c *consumer) try(ctx context.Context, batch []events.Delivery) (later []events.Delivery, err error) {
	out := c.Outage(c.name)
	defer out.Over()
	for tries := 1; ; {
		_, err := c.Safely(c.name, func() (_ bool, err error) {
			defer c.Pulse.Begin(c.name)()
			if err := c.renewBarrier(ctx); err != nil {
				return true, err
			}
			later, err = c.handle(store.WithLearned(ctx, c.having), c.barrier, batch)
			return true, err
		})
		if err == nil || ctx.Err() != nil || IsPoison(err) || tries == maxTries {
			return later, err
		}
		if !store.Away(err) && !events.Away(err) {
			tries++
		}
		if events.Missing(err) {
			err = errors.Join(err, c.Topology.Ensure(ctx, c.JS)) // nobody else may notice
		}
		out.Wait(ctx, err)
	}
}
