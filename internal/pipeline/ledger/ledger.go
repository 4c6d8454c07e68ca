// Package ledger is one transaction of the pipeline: what it decides about invites, and everything that has to be written
// with it. It is the only Go code that changes the state of an invite.
//
// A stage fills a [Tx] and [Ledger.Commit] writes it: invites, the access and logins they claim, the sums of runs, and the
// outcome events that tell of all that. The other rooms decide when that happens; what it means is said here.
package ledger

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Observer is told what was decided. Its method must not block.
type Observer interface {
	// Decided: a recipient was decided; reason is empty where the invite is queued.
	Decided(lane store.Lane, reason rules.Code)
}

// Ledger is how one worker writes to the ledger. It is safe for concurrent use, since nothing in it changes.
type Ledger struct {
	Store  *store.Store
	Worker uuid.UUID        // in whose name rows of the outbox and attempts are written; it has a lease
	Now    func() time.Time // the worker's clock
	Policy rules.Policy
	From   string // the address mails come from, for their Message-IDs
	// ProgressEvery is the least time between two RunProgressed of a run.
	ProgressEvery time.Duration
	Observer      Observer

	// OnDue is called after a commit that has queued invites which can leave at once, OnOutcomes after one that has written
	// outcome events. Neither may block.
	OnDue, OnOutcomes func()
	// Begin is told of a transaction that may write to the outbox. What it returns is called once that has ended.
	Begin func() (end func())
}

// On is the same worker's ledger on another pool of connections to the same database.
func (l *Ledger) On(db *store.Store) *Ledger {
	other := *l
	other.Store = db
	return &other
}

// Commit has a Tx filled and saves it in one transaction, from the start if it loses a race. So fill must keep nothing from an
// earlier try. It returns the errors of fill and of [store.Store.Tx].
func (l *Ledger) Commit(ctx context.Context, fill func(*Tx) error) error {
	defer l.Begin()()
	var t *Tx
	err := l.Store.Tx(ctx, func(tx *store.Tx) error {
		t = l.newTx(tx)
		if err := fill(t); err != nil {
			return err
		}
		return t.Flush(ctx)
	})
	if err != nil {
		return err
	}
	for _, d := range t.decided {
		l.Observer.Decided(d.lane, d.reason)
	}
	// Only where there is something to do: a stage that rings for itself without need would never rest.
	if t.due {
		l.OnDue()
	}
	if t.wroteOutcomes {
		l.OnOutcomes()
	}
	return nil
}
