package pipeline

import (
	"context"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// withWorkers waits until workers hold that many messages of a durable.
func (r *rig) withWorkers(durable string, n int) {
	r.t.Helper()
	testenv.Eventually(r.t, time.Minute, func() error {
		consumer, err := r.js.Consumer(r.ctx, events.EventsStream, durable)
		if err != nil {
			return err
		}
		if got := consumer.CachedInfo().NumAckPending; got != n {
			return fmt.Errorf("%d messages of %s are with workers, want %d", got, durable, n)
		}
		return nil
	})
}

// taken takes n messages from a durable, as another worker would, before the broker misses them by itself.
func (r *rig) taken(durable string, n int) []events.Delivery {
	r.t.Helper()
	source, err := events.OpenSource(r.ctx, r.js, durable)
	r.must(err)
	ctx, cancel := context.WithTimeout(r.ctx, 45*time.Second) // the broker would miss them after a minute
	defer cancel()
	var all []events.Delivery
	for len(all) < n {
		some, err := source.Fetch(ctx, n-len(all))
		if err != nil {
			r.t.Fatalf("%d of %d messages of %s are to be had: %v", len(all), n, durable, err)
		}
		all = append(all, some...)
	}
	return all
}

// One request waits for a fact, the next one has been fetched ahead. A worker that stops hands both back.
func TestAStopReturnsWhatWasFetchedAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.firm()
	fact := r.taken(events.FactsDurable, 1)
	stop := r.start(NewInviteWorker(r.config()))
	r.invite("c1", contact("k1"))
	r.withWorkers(events.InviteDurable, 1)
	r.invite("c2", contact("k2"))
	r.withWorkers(events.InviteDurable, 2)
	stop()
	events.Return(r.taken(events.InviteDurable, 2))

	events.Return(fact)
	r.start(NewInviteWorker(r.config()))
	r.decided(2)
}
