// Package upkeep does what becomes necessary with time. It expires invites, sends reminders, and invites people again
// whose email has changed. It reports runs whose sums have changed after their end, and pauses firms whose mails come
// back. It ends holds, moves what merged contacts still have, prunes old rows, and measures the backlog.
package upkeep

import (
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Observer is given the backlog, and counts what was pruned. Its methods must not block.
type Observer interface {
	// Queued is called with a lane's backlog over all its workers: that of each sender that is configured, and what waits
	// for senders that are not.
	Queued(lane store.Lane, known, unknown []store.Backlog)
	// Paused is called with how many firms are paused.
	Paused(firms int)
	// Pruned is called when n rows were deleted; what is invites, requests, runs, dead_letters,
	// open_dead_letters or recovered_outcomes.
	Pruned(what string, n int)
}

// Config has the parts and settings of a worker's upkeep.
type Config struct {
	loop.Runner
	Observer    Observer
	Ledger      *ledger.Ledger
	Lane        store.Lane
	HoldUnknown bool                // held invites wait for a ruling; otherwise they are sent again
	Keep        time.Duration       // how long finished invites are kept; 0: for ever
	KeepOpen    Letters             // how many open dead letters are kept
	Pause       PauseLimits         // when a firm is paused by itself
	OnDue       func(sender string) // called when invites of a sender may leave that was another one's; must not block
}

// Letters says which open dead letters are kept in the database: those of the last time For, and the newest PerFirm of
// each firm. 0 sets no limit.
type Letters struct {
	For     time.Duration
	PerFirm int
}

// Stages returns the loops of the upkeep. Each rests by itself between two steps.
func (c Config) Stages() []loop.Stage {
	stages := []loop.Stage{
		c.Stage("expire", nil, c.expire),
		c.Stage("revise", nil, c.revise),
		c.Stage("held", nil, (&heldWatch{Config: c}).look),
		c.Stage("merged", nil, c.strays),
		c.Stage("follow firms", nil, c.followFirms),
		c.Stage("forget counts", nil, c.forgetCounts),
		c.Stage("measure", nil, (&backlogWatch{Config: c}).measure),
	}
	if c.Lane == store.BulkLane {
		stages = append(stages, c.Stage("remind", nil, c.remind), c.Stage("invite again", nil, c.inviteAgain),
			c.Stage("hours", nil, c.hours), c.Stage("forget plans", nil, c.forgetPlans))
	}
	if c.Pause.Mails > 0 {
		stages = append(stages, c.Stage("pause firms", nil, c.pauseFirms))
	}
	if c.Keep > 0 || c.KeepOpen != (Letters{}) {
		stages = append(stages, c.Stage("prune", nil, c.prune))
	}
	return stages
}
