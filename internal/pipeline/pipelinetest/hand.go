package pipelinetest

import (
	"context"
	"sync"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/consume"
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

// Taken takes n messages from a durable, as another worker would. The broker redelivers them after some seconds.
func (r *Rig) Taken(durable string, n int) []events.Delivery {
	r.TB.Helper()
	source, err := events.OpenSource(r.Ctx, r.JS, durable)
	r.Must(err)
	ctx, cancel := r.within(45 * time.Second)
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

// Barrier makes a barrier that applies no facts.
func (r *Rig) Barrier() *consume.Barrier {
	r.TB.Helper()
	barrier, err := events.OpenBarrier(r.Ctx, r.JS)
	r.Must(err)
	return consume.NewBarrier(barrier, func(context.Context, *events.Barrier, string, uint64) error { return nil })
}

// BlockFacts keeps every worker from applying facts about contacts, until release is called.
func (r *Rig) BlockFacts() (release func()) {
	r.TB.Helper()
	tx, err := r.DB.Begin(r.Ctx)
	r.Must(err)
	_, err = tx.Exec(r.Ctx, `LOCK TABLE contacts IN EXCLUSIVE MODE`)
	r.Must(err)
	release = sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(r.Ctx)) })
	r.TB.Cleanup(release)
	return release
}

// StartRuns stores n requests as runs, as the stage of a bulk-worker does.
func (r *Rig) StartRuns(p pipeline.Parts, n int) {
	r.TB.Helper()
	barrier := r.Barrier()
	batch := r.Taken(events.BulkDurable, n)
	later, err := r.Runs(p).Handle(r.Ctx, barrier, batch)
	r.Must(err)
	if len(later) > 0 {
		r.TB.Fatalf("%d of %d requests wait for facts", len(later), n)
	}
	events.Ack(batch)
}

// Runs starts and walks runs as a worker by hand.
func (r *Rig) Runs(p pipeline.Parts) runs.Runs {
	return runs.Runs{Runner: p.Runner, Ledger: p.Ledger, Started: func() {}}
}
