package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// outcome is an outcome event as a dashboard reads it. It has the fields of all types together.
type outcome struct {
	Type      events.Type          `json:"-"`
	Cause     events.Cause         `json:"cause"`
	InviteID  string               `json:"invite_id"`
	ClientID  string               `json:"client_id"`
	Recipient events.OutcomePerson `json:"recipient"`
	MessageID string               `json:"message_id"`
	Reason    rules.Code           `json:"reason"`
	Reasons   []rules.Reason       `json:"reasons"`

	Explanation string `json:"explanation"` // of InviteFailed, with what to do
	Remedy      string `json:"remedy"`

	Selected int                `json:"selected"`
	Sent     int                `json:"sent"`
	Skipped  int                `json:"skipped"`
	Failed   int                `json:"failed"`
	Pending  int                `json:"pending"`
	ByReason map[rules.Code]int `json:"by_reason"`
}

// watcher collects outcomes from the stream.
type watcher struct {
	stop func()

	mu      sync.Mutex    // guards all below
	seen    []outcome     // in the order of the stream
	err     error         // of the last outcome that could not be read
	changed chan struct{} // closed and replaced when an outcome comes
}

func watch(ctx context.Context, js jetstream.JetStream) (*watcher, error) {
	w := &watcher{changed: make(chan struct{})}
	consumer, err := js.OrderedConsumer(ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("subscribe to the outcomes: %w", err)
	}
	consuming, err := consumer.Consume(w.take)
	if err != nil {
		return nil, fmt.Errorf("subscribe to the outcomes: %w", err)
	}
	w.stop = consuming.Stop
	return w, nil
}

func (w *watcher) take(msg jetstream.Msg) {
	var o outcome
	err := json.Unmarshal(msg.Data(), &o)
	for name, values := range msg.Headers() {
		if strings.EqualFold(name, "ce-type") {
			o.Type = events.TypeOfCE(values[0])
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, o)
	if err != nil {
		w.err = fmt.Errorf("read an outcome on %s: %w", msg.Subject(), err)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// until waits until the outcomes seen so far fulfil a condition, and returns them in the order of the stream.
func (w *watcher) until(ctx context.Context, what string, holds func([]outcome) bool) ([]outcome, error) {
	for {
		w.mu.Lock()
		seen, changed, err := w.seen, w.changed, w.err
		w.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if holds(seen) {
			return seen, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waited for %s: %w", what, ctx.Err())
		}
	}
}

// ofInvite says whether an outcome is about a recipient and not about a run.
func (o outcome) ofInvite() bool {
	return o.Type == events.InviteSent || o.Type == events.InviteSkipped || o.Type == events.InviteFailed
}

// individual waits until every recipient of the requests has an outcome.
func (w *watcher) individual(ctx context.Context, recipients map[string]int) ([]outcome, error) {
	total := 0
	for _, n := range recipients {
		total += n
	}
	mine := func(seen []outcome) (list []outcome) {
		for _, o := range seen {
			if _, asked := recipients[o.Cause.ID]; asked && o.ofInvite() {
				list = append(list, o)
			}
		}
		return list
	}
	seen, err := w.until(ctx, "the outcomes of the requests",
		func(seen []outcome) bool { return len(mine(seen)) >= total })
	return mine(seen), err
}

// run waits until the run of a bulk request has completed and all outcomes that it counts have come.
func (w *watcher) run(ctx context.Context, request string) (completed outcome, list []outcome, err error) {
	_, err = w.until(ctx, "the run's outcomes", func(seen []outcome) bool {
		list, completed = nil, outcome{}
		for _, o := range seen {
			switch {
			case o.Cause.ID != request:
			case o.Type == events.RunCompleted:
				completed = o
			case o.ofInvite():
				list = append(list, o)
			}
		}
		return completed.Type != "" && len(list) >= completed.Selected
	})
	return completed, list, err
}

// revised waits until an invite of a run has failed, and until the run's new sums have come.
func (w *watcher) revised(ctx context.Context, request, invite string) (run, failed outcome, err error) {
	_, err = w.until(ctx, "the new sums of the run", func(seen []outcome) bool {
		for _, o := range seen {
			switch {
			case o.Type == events.RunRevised && o.Cause.ID == request:
				run = o
			case o.Type == events.InviteFailed && o.InviteID == invite:
				failed = o
			}
		}
		return run.Type != "" && failed.Type != ""
	})
	return run, failed, err
}
