package pipeline

import (
	"testing"
	"time"
)

// A stage that rings its own bell with every look would look as fast as the database answers.
func TestAnIdleWorkerRests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.settled()
	transactions := func() int {
		return query[int](r, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`)
	}
	before, began := transactions(), time.Now()
	for range 3 { // as many looks as a few idle loops take
		wait(r.ctx, nil, lookEvery*5)
	}
	perSecond := float64(transactions()-before) / time.Since(began).Seconds()
	if perSecond > 150 {
		t.Errorf("two idle workers commit %.0f transactions a second", perSecond)
	}
}
