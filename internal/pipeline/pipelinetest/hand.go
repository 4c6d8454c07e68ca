package pipelinetest

import (
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/runs"
	"portal-invites/internal/store"
)

// ByHand makes the parts of a worker whose stages a test runs by hand. It has a lease that nobody renews, for an hour
// if the configuration says nothing else.
func (r *Rig) ByHand(lane store.Lane, cfg pipeline.Config) pipeline.Parts {
	r.TB.Helper()
	if cfg.LeaseFor == 0 {
		cfg.LeaseFor = time.Hour
	}
	p := pipeline.NewParts("by hand", lane, cfg)
	r.Must(p.TakeLease(r.Ctx))
	return p
}

// Dies lets a worker do something, and then ends its lease. Others take over at once, and need not wait until they are
// certain that it has died.
func (r *Rig) Dies(p pipeline.Parts, after func()) {
	r.TB.Helper()
	after()
	r.Must(r.Store.EndLease(r.Ctx, p.ID))
}

// Taken takes n messages from a durable, as another worker would. It fails before the broker would redeliver the first
// ones.
func (r *Rig) Taken(durable string, n int) []events.Delivery {
	r.TB.Helper()
	source, err := events.OpenSource(r.Ctx, r.JS, durable)
	r.Must(err)
	ctx, cancel := r.within(45 * time.Second) // the broker redelivers them after a minute
	defer cancel()
	var all []events.Delivery
	for len(all) < n {
		some, err := source.Fetch(ctx, n-len(all))
		if err != nil {
			r.TB.Fatalf("got %d of %d messages of %s: %v", len(all), n, durable, err)
		}
		all = append(all, some...)
	}
	return all
}

// StartRuns stores n requests as runs, as the stage of a bulk-worker does.
func (r *Rig) StartRuns(p pipeline.Parts, n int) {
	r.TB.Helper()
	barrier, err := events.OpenBarrier(r.Ctx, r.JS)
	r.Must(err)
	batch := r.Taken(events.BulkDurable, n)
	r.Must(r.Runs(p).Handle(r.Ctx, barrier, batch))
	events.Ack(batch)
}

// Runs starts and walks runs as a worker by hand.
func (r *Rig) Runs(p pipeline.Parts) runs.Runs {
	return runs.Runs{Runner: p.Runner, Ledger: p.Ledger, Started: func() {}}
}
