// Package answer answers questions about invites, and does what their askers decide: explain, preview, open links, requeue.
//
// It writes as the worker beside it, whose ledger it is given: rows of the outbox belong to a worker with a lease, which
// announces them.
package answer

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// Answers is safe for concurrent use.
type Answers struct {
	// Ledger is on connections apart from those that the stages work with, so that no question waits for a stage.
	Ledger *ledger.Ledger
	JS     jetstream.JetStream
	Keys   link.Keyring
}

// AwaitFacts waits until the firm's facts from before the question are applied, as a request does. When its patience is over, it
// returns when the stream stored the oldest that is not applied. The zero time means that nothing is missing.
func (a *Answers) AwaitFacts(ctx context.Context, firm string, patience time.Duration) (behindSince time.Time, err error) {
	return events.AwaitFirmFacts(ctx, a.JS, firm, patience)
}

// store is where questions are looked up.
func (a *Answers) store() *store.Store { return a.Ledger.Store }
