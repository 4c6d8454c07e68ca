// Package announce publishes the outcome events of the outbox, and deletes them once the stream has them.
package announce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	announceBatch = 1000
	// announceWithin is how long one batch may take to be acknowledged.
	announceWithin = 30 * time.Second
	// lookBack is how many of the stream's last messages are read if it is unclear what has been published. A batch of
	// unclear result is among them, unless several other batches were published on top of it. Then the stream's own window
	// for duplicates (two minutes) still covers it.
	lookBack = 5 * announceBatch
	// longestRest is how long outcomes may gather between two batches.
	longestRest = 50 * time.Millisecond
)

// Observer counts outcomes. Its method must not block.
type Observer interface {
	// Announced is called when n outcome events of a type are on the stream.
	Announced(t events.Type, n int)
}

// Past knows whether the database went back to an earlier moment (ADR 87).
type Past interface {
	// Admit returns an error if the transaction must not write, because its database went back.
	Admit(ctx context.Context, tx *store.Tx) error
	// Known is the highest mark of the stream of outcomes that this worker has seen. Reached notes a mark that the
	// database has now.
	Known() store.OutcomeMark
	Reached(mark store.OutcomeMark)
	// Databases counts the databases that this worker has had.
	Databases() int64
}

// Config has the parts of an announcer.
type Config struct {
	loop.Runner
	Observer Observer
	Past     Past
	Store    *store.Store
	JS       jetstream.JetStream
	Topology events.Topology // says whose the streams are, and makes removed ones anew
	Worker   uuid.UUID       // whose outcomes are announced
}

// Announcer is the stage that publishes a worker's outcomes, in the order in which they were written (ADR 3, ADR 4).
// Begin, Ring and Rewind may be called from any goroutine. Run may be called once.
type Announcer struct {
	Config
	bell     loop.Bell
	lowWater *lowWater // has its own lock
	// unclear says that the last batch may have been published in part, because its answer got lost.
	// Run's goroutine owns it.
	unclear bool
	// ours says that the streams do not belong to another ledger. Run's goroutine owns it.
	ours bool
	// databases is the count of the database that lowWater is about. Run's goroutine owns it.
	databases int64
}

// New is an announcer that does not run yet.
func New(cfg Config) *Announcer {
	return &Announcer{Config: cfg, bell: loop.NewBell(), lowWater: newLowWater()}
}

// Begin must be called before a transaction that may write to the outbox begins. The caller must call end once the
// transaction has ended.
func (a *Announcer) Begin() (end func()) { return a.lowWater.begin() }

// Ring wakes the announcer, because there are outcomes to publish.
func (a *Announcer) Ring() { a.bell.Ring() }

// Rewind makes the announcer read the whole outbox again. This worker has taken over rows of another worker, and they
// may be older than the rows that it has read.
func (a *Announcer) Rewind() { a.lowWater.rewind(0) }

// Run publishes until the context ends. Then it publishes what is left, for at most five seconds.
func (a *Announcer) Run(ctx context.Context) error {
	_ = a.Stage("announce", a.bell, a.stepAndRest).Run(ctx)
	lastCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for {
		n, err := a.step(lastCtx)
		if err != nil {
			a.Log.Warn().Err(err).
				Msg("could not publish the last outcomes before stopping; another worker takes over and publishes them")
		}
		if err != nil || n == 0 {
			return nil
		}
	}
}

// stepAndRest announces the next batch. Then it rests for a millisecond per event (ADR 54). If more than one event
// comes in a millisecond, batches grow, and more events share one sync of the stream's disk. If fewer come, no event
// waits for long.
func (a *Announcer) stepAndRest(ctx context.Context) (bool, error) {
	n, err := a.step(ctx)
	if 0 < n && n < announceBatch {
		loop.Wait(ctx, nil, min(time.Duration(n)*time.Millisecond, longestRest))
	}
	return n > 0, err
}

// step announces the next batch, and returns the number of its events.
func (a *Announcer) step(ctx context.Context) (int, error) {
	if n := a.Past.Databases(); n != a.databases {
		a.lowWater.forget()
		a.databases = n
	}
	from := a.lowWater.from(time.Now())
	outbound, err := a.Store.Outbox(ctx, a.Worker, from, announceBatch)
	if err == nil && len(outbound) > 0 {
		err = a.publish(ctx, outbound)
	}
	if err != nil {
		a.lowWater.rewind(from)
		if events.Missing(err) {
			err = errors.Join(err, a.Topology.Ensure(ctx, a.JS)) // nobody else may notice
		}
		return 0, err
	}
	ids := make([]int64, len(outbound))
	for i, e := range outbound {
		ids[i] = e.OutboxID
	}
	a.lowWater.passed(ids, announceBatch)
	return len(outbound), nil
}

// publish puts a batch on the stream and deletes it once the stream has all of it.
func (a *Announcer) publish(ctx context.Context, outbound []store.Outbound) (err error) {
	if !a.ours {
		if err := a.Topology.Ours(ctx, a.JS); err != nil {
			return err
		}
		a.ours = true
	}
	if a.unclear || slices.ContainsFunc(outbound, func(e store.Outbound) bool { return e.Unclear }) {
		if outbound, err = a.withoutStored(ctx, outbound); err != nil {
			return err
		}
	}
	msgs := make([]*nats.Msg, len(outbound))
	types := make(map[events.Type]int)
	for i, e := range outbound {
		types[events.Type(e.Type)]++
		if msgs[i], err = outgoing(e).Message(); err != nil {
			return err
		}
	}
	publishCtx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	last, err := events.PublishTo(publishCtx, a.JS, msgs)
	if a.unclear = err != nil; a.unclear {
		return fmt.Errorf("publish %d outcomes on the stream %s (the connection to the broker is %s): %w",
			len(msgs), events.OutcomesStream, a.JS.Conn().Status(), notInTime(ctx, err))
	}
	if err := a.announced(ctx, outbound, last); err != nil {
		a.unclear = true
		return err
	}
	for t, n := range types {
		a.Observer.Announced(t, n)
	}
	return nil
}

// announced deletes events from the outbox that the stream has up to a sequence, and raises the mark with that. It asks
// which stream that is only after they were published. So if somebody has made the stream anew meanwhile, the new one's
// mark may be too high, and never too low.
func (a *Announcer) announced(ctx context.Context, outbound []store.Outbound, last uint64) error {
	if len(outbound) == 0 {
		return nil
	}
	stream, _, err := events.OutcomeStream(ctx, a.JS)
	if err != nil {
		return err
	}
	reached := store.OutcomeMark{Stream: stream, Sequence: last}
	err = a.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := a.Past.Admit(ctx, tx); err != nil {
			return err
		}
		return tx.Announced(ctx, a.Worker, outbound, reached, a.Past.Known())
	})
	if err == nil {
		a.Past.Reached(reached)
	}
	return err
}

// notInTime says what has not happened when the time for a batch is over.
func notInTime(ctx context.Context, err error) error {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the stream has not acknowledged them within %s; "+
			"it may have no leader, or its disk may be slow: %w", announceWithin, err)
	}
	return err
}

// withoutStored deletes from the outbox the events that are on the stream already, and returns the others.
func (a *Announcer) withoutStored(ctx context.Context, outbound []store.Outbound) ([]store.Outbound, error) {
	stored, err := events.Recent(ctx, a.JS, events.OutcomesStream, lookBack)
	if err != nil {
		return nil, fmt.Errorf("look on the stream %s for what is published already: %w", events.OutcomesStream, err)
	}
	var there, missing []store.Outbound
	var last uint64
	for _, e := range outbound {
		if at, isThere := stored[outgoing(e).Identity()]; isThere {
			there, last = append(there, e), max(last, at)
		} else {
			missing = append(missing, e)
		}
	}
	return missing, a.announced(ctx, there, last)
}

func outgoing(e store.Outbound) events.Outgoing {
	return events.Outgoing{
		Subject: e.Subject, Type: events.Type(e.Type), Source: events.OutcomeSource, ID: e.EventID, Time: e.Time,
		About: e.About,
		Trace: events.Trace{Parent: e.TraceParent, State: e.TraceState}, Data: events.Encoded(e.Data),
	}
}
