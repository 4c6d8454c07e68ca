// Package answer answers the services' calls about invites: it explains, previews, opens links, rules on held invites
// and requeues dead letters.
//
// It writes in the name of the worker beside it, whose ledger it uses. Rows of the outbox belong to a worker with a
// lease, and that worker publishes them (ADR 3).
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

// Answers answers calls. It is safe for concurrent use, because nothing in it changes.
type Answers struct {
	// Ledger uses other connections than the stages, so that no call waits for a stage.
	Ledger *ledger.Ledger
	JS     jetstream.JetStream
	Keys   link.Keyring
}

// AwaitFacts waits until the firm's earlier facts are applied. When patience is over, it returns the time at which the
// stream stored the oldest fact that is not applied. The zero time means that every fact is applied.
func (a *Answers) AwaitFacts(
	ctx context.Context, firm string, patience time.Duration,
) (behindSince time.Time, err error) {
	floor := func(ctx context.Context, created time.Time) (uint64, error) {
		floor, err := a.store().FactFloor(ctx, firm)
		if err != nil {
			return 0, err
		}
		known, err := a.store().EventStream(ctx, created)
		return events.NewEpochs(known.Firsts, known.Begins).Sequence(events.Position(floor)), err
	}
	return events.AwaitFirmFacts(ctx, a.JS, firm, patience, floor)
}

// store is the store that calls are answered from.
func (a *Answers) store() *store.Store { return a.Ledger.Store }
