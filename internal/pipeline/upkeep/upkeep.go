// Package upkeep does what time asks for: it expires and reminds, ends holds, prunes what is old, and measures the queue.
package upkeep

import (
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Observer is told how the queue stands and what was pruned. Its methods must not block.
type Observer interface {
	// Queued: n invites of a lane wait to leave, over all its workers, and the longest one could have left this long ago.
	Queued(lane store.Lane, n int, oldest time.Duration)
	// Pruned: n rows that were of no use any more are deleted; what is invites, requests, runs or dead_letters.
	Pruned(what string, n int)
}

// Config is what the upkeep of a worker is made of.
type Config struct {
	loop.Runner
	Observer    Observer
	Ledger      *ledger.Ledger
	Lane        store.Lane
	HoldUnknown bool          // invites are held for a person while it is set; else those that are held are sent again
	Keep        time.Duration // how long what is over stays on record; 0: for ever
}

// Stages are the loops of the upkeep. Each rests by itself between two looks.
func (c Config) Stages() []loop.Stage {
	stages := []loop.Stage{
		c.Stage("expire", nil, c.expire),
		c.Stage("remind", nil, c.remind),
		c.Stage("held", nil, (&heldWatch{Config: c}).look),
		c.Stage("measure", nil, c.measure),
	}
	if c.Keep > 0 {
		stages = append(stages, c.Stage("prune", nil, c.prune))
	}
	return stages
}
