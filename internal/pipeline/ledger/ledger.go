// Package ledger writes the pipeline's transactions: what one decides about invites, and everything that must be
// written with that. It is the only Go code that changes the state of an invite.
//
// A stage fills a [Tx], and [Ledger.Commit] writes it: invites, the access and logins that they reserve, the sums of
// runs, and the outcome events about all that. The other rooms determine when this happens. This room determines what
// it means.
package ledger

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/portal"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Observer counts decisions. Its method must not block.
type Observer interface {
	// Decided is called for each recipient that was decided. reason is empty if the invite is queued.
	Decided(lane store.Lane, reason rules.Code)
	// Reported is called for each report about a mail.
	Reported(kind events.ReportKind, what ReportFate)
}

// Ledger writes a worker's transactions. It is safe for concurrent use, because nothing in it changes.
type Ledger struct {
	Store  *store.Store
	Worker uuid.UUID        // the worker that rows of the outbox and attempts name; it has a lease
	Now    func() time.Time // the worker's clock
	Policy rules.Policy
	// Senders are the addresses that mails come from, each with its display name, by the names of the senders (ADR 113).
	// The default sender has the name "".
	Senders map[string]string
	// Portals are the hosts that portals may have (ADR 148).
	Portals portal.Hosts
	// Mailboxes are the names under which mails to a mailbox are counted: keyed hashes (ADR 152). nil counts nothing.
	Mailboxes func(mailbox string) [][]byte
	// Planned are the names of a recipient in a plan, by its firm, client, person and email: keyed hashes (ADR 169).
	Planned func(firm, client, person, email string) [][]byte
	// Proofs makes the proofs in Message-IDs. Reports about mails that have none count for UnprovenFor after the mail.
	Proofs      mail.ProofKey
	UnprovenFor time.Duration
	// ProgressEvery is the least time between two RunProgressed of a run.
	ProgressEvery time.Duration
	Observer      Observer

	// OnDue is called after a commit that has queued invites which are due, with their sender. OnOutcomes is called after
	// a commit that has written outcome events. Neither may block.
	OnDue      func(sender string)
	OnOutcomes func()
	// Admit is called at the beginning of each transaction, and may refuse it, because the database went back (ADR 87).
	// nil admits all.
	Admit func(context.Context, *store.Tx) error
	// Begin is called before a transaction that may write to the outbox. Its result is called once the transaction has
	// ended.
	Begin func() (end func())
}

// On returns the same worker's ledger on another pool of connections to the same database.
func (l *Ledger) On(db *store.Store) *Ledger {
	other := *l
	other.Store = db
	return &other
}

// Tx calls fn in a transaction, unless the database went back. It is for rows that make no outcomes.
func (l *Ledger) Tx(ctx context.Context, fn func(*store.Tx) error) error {
	return l.admitted(ctx, l.Store.Tx, fn)
}

func (l *Ledger) admitted(
	ctx context.Context, run func(context.Context, func(*store.Tx) error) error, fn func(*store.Tx) error,
) error {
	return run(ctx, func(tx *store.Tx) error {
		if l.Admit != nil {
			if err := l.Admit(ctx, tx); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

// Commit calls fill with a new Tx and writes it, in one transaction. If the transaction loses a race, it begins again
// with another Tx (ADR 5), so fill must keep nothing from an earlier try. Commit returns the errors of fill and of
// [store.Store.Tx].
func (l *Ledger) Commit(ctx context.Context, fill func(*Tx) error) error {
	return l.commit(ctx, l.Store.Tx, fill)
}

// CommitAlone is [Ledger.Commit] while no other transaction writes ([store.Store.TxAlone]).
func (l *Ledger) CommitAlone(ctx context.Context, fill func(*Tx) error) error {
	return l.commit(ctx, l.Store.TxAlone, fill)
}

func (l *Ledger) commit(
	ctx context.Context, run func(context.Context, func(*store.Tx) error) error, fill func(*Tx) error,
) error {
	defer l.Begin()()
	var t *Tx
	err := l.admitted(ctx, run, func(tx *store.Tx) error {
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
	for _, r := range t.reports {
		l.Observer.Reported(r.kind, r.fate)
	}
	// Ring only if there is work, because a stage that rings its own bell after every step would never rest.
	for _, sender := range t.due {
		l.OnDue(sender)
	}
	if t.wroteOutcomes {
		l.OnOutcomes()
	}
	return nil
}
