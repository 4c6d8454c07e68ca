package pipeline

import (
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/announce"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/deliver"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Observer is told what happens, for metrics and health. Each room declares what it tells. No method may block.
type Observer interface {
	consume.Observer
	ledger.Observer
	deliver.Observer
	upkeep.Observer
	announce.Observer
	// Waiting: a stage waits for something that is away, or has recovered.
	Waiting(stage string, waiting bool)
}

type nobody struct{}

func (nobody) Handled(string, int, time.Duration)                {}
func (nobody) Buried(string)                                     {}
func (nobody) Decided(store.Lane, rules.Code)                    {}
func (nobody) Attempted(store.Lane, mail.Verdict, time.Duration) {}
func (nobody) Queued(store.Lane, int, time.Duration)             {}
func (nobody) Announced(events.Type, int)                        {}
func (nobody) Pruned(string, int)                                {}
func (nobody) Waiting(string, bool)                              {}
