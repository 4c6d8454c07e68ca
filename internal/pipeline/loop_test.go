package pipeline_test

import (
	"context"
	"testing"
	"time"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/testkit"
)

// A stage that rang its own bell in every step would query as fast as the database answers.
func TestAnIdleWorkerRests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Settled()
	transactions := func() int {
		return testkit.Query[int](r.Scene, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`)
	}
	before, began := transactions(), time.Now()
	for range 3 { // as many looks as a few idle loops take
		loop.Wait(r.Ctx, nil, loop.IdleFor*5)
	}
	perSecond := float64(transactions()-before) / time.Since(began).Seconds()
	if perSecond > 150 {
		t.Errorf("two idle workers commit %.0f transactions a second", perSecond)
	}
}

// A worker that is stopped before it has its lease has stopped in order.
func TestAWorkerIsStoppedBeforeItHasBegun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stopped, stop := context.WithCancel(r.Ctx)
	stop()
	if err := pipeline.NewInviteWorker(r.Config()).Run(stopped); err != nil {
		t.Errorf("it returned %v", err)
	}
}
