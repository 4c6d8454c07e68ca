package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// consumer takes batches from a durable, has them handled and acknowledges them. The ack follows the commit, never the
// other way. While one batch is handled, the next one is fetched and decoded; they are handled one after the other.
type consumer struct {
	*Worker
	durable string
	size    int
	handle  func(context.Context, *events.Barrier, []events.Delivery) error

	source  *events.Source
	barrier *events.Barrier
	ahead   chan fetched // has the next batch, or will have it; nil while none is being fetched
}

func (w *Worker) consumer(name, durable string, size int, handle func(context.Context, *events.Barrier, []events.Delivery) error) stage {
	c := &consumer{Worker: w, durable: durable, size: size, handle: handle}
	loop := w.loop(name, newBell(), c.step)
	return stage{name, func(ctx context.Context) error {
		defer c.handBack()
		return loop.run(ctx)
	}}
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

// apply handles deliveries together. Where that fails on one of them, halving finds it: a poisonous message costs the
// others a few more transactions, and nothing else.
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
	out := c.outage(c.durable)
	defer out.over()
	for tries := 1; ; {
		_, err := c.safely(c.durable, func() (bool, error) { return true, c.handle(ctx, c.barrier, batch) })
		if err == nil || ctx.Err() != nil || isPoison(err) || tries == maxTries {
			return err
		}
		if !store.Away(err) && !events.Away(err) {
			tries++
		}
		out.wait(ctx, err)
	}
}

func (c *consumer) bury(ctx context.Context, d events.Delivery, reason error) error {
	out := c.outage("dead letters")
	defer out.over()
	for {
		now := c.Now()
		err := c.source.Bury(ctx, d, reason, now, func(ctx context.Context) error { return c.recordLetter(ctx, d, reason, now) })
		if err == nil {
			c.Observer.Buried(c.durable)
			c.Log.Warn().Str("durable", c.durable).Str("firm", d.Firm).Str("type", string(d.Type)).
				Uint64("sequence", d.At.Sequence).Str("reason", reason.Error()).Msg("put among the dead letters")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.wait(ctx, err)
	}
}

// panicked is an error made of a panic.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// safely turns a panic into an error: one bad message must not take the worker down with it, again and again.
func (w *Worker) safely(stage string, do func() (bool, error)) (worked bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			w.Log.Error().Str("stage", stage).Str("stack", string(debug.Stack())).Msgf("panic: %v", value)
			err = panicked{value}
		}
	}()
	return do()
}

// unsupported is an event of the contract that this version does not handle yet. Among the dead letters it waits for one
// that does.
type unsupported struct{ typ events.Type }

func (u unsupported) Error() string { return string(u.typ) + " is not handled by this version" }

// isPoison says whether an error is certain to come again for the same messages: a panic, or a value that Postgres can't
// take (SQLSTATE classes 21, 22 and 23).
func isPoison(err error) bool {
	var p panicked
	var u unsupported
	if errors.As(err, &p) || errors.As(err, &u) {
		return true
	}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || len(pgErr.Code) < 2 {
		return false
	}
	class := pgErr.Code[:2]
	return class == "21" || class == "22" || class == "23"
}

// shortReason is an error fit for a dead letter: a panic or a database error may quote the data, so only its kind is told.
// The log has the rest.
func shortReason(err error) string {
	if _, ok := errors.AsType[panicked](err); ok {
		return "the worker panicked; its log has the stack"
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "the database refused it (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}
