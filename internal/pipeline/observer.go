package pipeline

import (
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/announce"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/deliver"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/recovery"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Observer counts what happens, for metrics and health. Each room declares its part. No method may block.
type Observer interface {
	consume.Observer
	ledger.Observer
	deliver.Observer
	upkeep.Observer
	announce.Observer
	recovery.Observer
	// Waiting is called with true when a stage is blocked, and with false when it has recovered.
	Waiting(stage string, waiting bool)
	// ClockAhead is called with how far this machine's clock is ahead of the database's; less than 0 if it is behind.
	ClockAhead(ahead time.Duration)
}

// StreamState is what an Observer is told after the stream was compared with the ledger.
type StreamState = consume.StreamState

// ReportFate says what became of a report about a mail.
type ReportFate = ledger.ReportFate

// Unwatched is an Observer that does nothing. Embed it to observe only a part.
type Unwatched struct{}

// Handled does nothing.
func (Unwatched) Handled(string, int, time.Duration) {}

// Buried does nothing.
func (Unwatched) Buried(string) {}

// LeftOut does nothing.
func (Unwatched) LeftOut(events.Type, string) {}

// StreamCompared does nothing.
func (Unwatched) StreamCompared(consume.StreamState) {}

// OutcomesCompared does nothing.
func (Unwatched) OutcomesCompared(error) {}

// EventsPlaced does nothing.
func (Unwatched) EventsPlaced(map[string]events.DurablePlace, []store.EventGap) {}

// StoodStill does nothing.
func (Unwatched) StoodStill(string, uint64, time.Duration) {}

// Decided does nothing.
func (Unwatched) Decided(store.Lane, rules.Code) {}

// Reported does nothing.
func (Unwatched) Reported(events.ReportKind, ledger.ReportFate) {}

// Attempted does nothing.
func (Unwatched) Attempted(store.Lane, string, mail.Verdict, time.Duration) {}

// Queued does nothing.
func (Unwatched) Queued(_ store.Lane, _, _ []store.Backlog) {}

// Paused does nothing.
func (Unwatched) Paused(int) {}

// Announced does nothing.
func (Unwatched) Announced(events.Type, int) {}

// Pruned does nothing.
func (Unwatched) Pruned(string, int) {}

// Waiting does nothing.
func (Unwatched) Waiting(string, bool) {}

// ClockAhead does nothing.
func (Unwatched) ClockAhead(time.Duration) {}
