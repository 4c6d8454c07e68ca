package pipeline

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

const (
	announceBatch = 1000
	// announceWithin is how long one batch may take to be acknowledged.
	announceWithin = 30 * time.Second
)

// announce publishes this worker's outcome events until the context ends, and then those that are left.
func (w *Worker) announce(ctx context.Context) error {
	_ = w.loop("announce", w.announceBell, w.announceOnce).run(ctx)
	lastCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for {
		more, err := w.announceOnce(lastCtx)
		if err != nil {
			w.Log.Warn().Err(err).Msg("outcomes that are left are announced by the next worker")
		}
		if err != nil || !more {
			return nil
		}
	}
}

// announceOnce publishes the next batch and deletes it once the stream has all of it. Where the answer got lost the same
// events are published again, under the same ids.
func (w *Worker) announceOnce(ctx context.Context) (bool, error) {
	outbound, err := w.Store.Outbox(ctx, w.id, announceBatch)
	if err != nil || len(outbound) == 0 {
		return false, err
	}
	msgs := make([]*nats.Msg, len(outbound))
	types := map[events.Type]int{}
	for i, e := range outbound {
		types[events.Type(e.Type)]++
		if msgs[i], err = outgoing(e).Message(); err != nil {
			return false, err
		}
	}
	publishCtx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	if err := events.Publish(publishCtx, w.JS, msgs); err != nil {
		return false, err
	}
	if err := w.Store.Announced(ctx, outbound); err != nil {
		return false, err
	}
	for t, n := range types {
		w.Observer.Announced(t, n)
	}
	return true, nil
}

func outgoing(e store.Outbound) events.Outgoing {
	return events.Outgoing{
		Subject: e.Subject, Type: events.Type(e.Type), Source: events.OutcomeSource, ID: e.EventID, Time: e.Time, About: e.About,
		Trace: events.Trace{Parent: e.TraceParent, State: e.TraceState}, Data: e.Data,
	}
}
