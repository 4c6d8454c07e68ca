package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// ErrNothingKnown says that this database has never published an outcome on the stream, so it can't have lost one.
var ErrNothingKnown = errors.New("this database has published nothing on the stream of outcomes")

// Recovery is how far a recovery has come (ADR 107).
type Recovery struct {
	Known  uint64            // up to where the database knew the stream of outcomes
	Read   uint64            // up to where the lost outcomes are read
	Last   uint64            // of the stream
	Lost   map[string]int    // the lost outcomes that were read: by this call if it changes nothing, otherwise all
	Done   bool              // everything is read, and entered
	Resets map[string]uint64 // the sequence from which each durable is read again
}

const (
	// recoverFor is how long one call goes on. The caller calls again until everything is done.
	recoverFor = 5 * time.Second
	// recoverBatch is how many invites are entered in one transaction.
	recoverBatch = 500
)

// Recover takes into the ledger what the stream of outcomes knows, and lets the workers go on. A call goes on where the
// one before it has ended, however it has ended. With dryRun, it only counts what is lost, from a sequence on.
func (a *Answers) Recover(ctx context.Context, dryRun bool, from uint64) (Recovery, error) {
	stream, last, err := events.OutcomeStream(ctx, a.JS)
	if err != nil {
		return Recovery{}, err
	}
	l := *a.Ledger
	l.Admit = nil // this is what the others wait for
	r := recovery{Answers: a, ledger: &l, stream: stream, until: time.Now().Add(recoverFor)}
	r.Last, r.Lost = last, map[string]int{}
	err = r.read(ctx, dryRun, from)
	if err != nil || dryRun || r.Read < r.Last {
		return r.Recovery, err
	}
	return r.Recovery, r.finish(ctx)
}

// recovery is one call of Recover.
type recovery struct {
	*Answers
	Recovery

	ledger *ledger.Ledger
	stream time.Time // when the broker created the stream of outcomes
	until  time.Time
}

// read reads lost outcomes from the stream, page by page, until the time is over.
func (r *recovery) read(ctx context.Context, dryRun bool, from uint64) error {
	for {
		more, err := r.readPage(ctx, dryRun, from)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNothingKnown
		}
		if err != nil || !more || time.Now().After(r.until) {
			return err
		}
		from = r.Read + 1
	}
}

// readPage reads the stream between two transactions: the database ends a transaction that waits for the broker.
func (r *recovery) readPage(ctx context.Context, dryRun bool, from uint64) (more bool, err error) {
	err = r.ledger.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		r.Known, r.Read, err = r.position(ctx, tx, dryRun, from)
		return err
	})
	if err != nil || r.Read >= r.Last {
		return false, err
	}
	began := r.Read
	batch, err := events.ReadOutcomesFrom(ctx, r.JS, began+1)
	if err != nil {
		return false, err
	}
	more = batch.More
	err = r.ledger.Store.Tx(ctx, func(tx *store.Tx) error {
		if _, now, err := r.position(ctx, tx, dryRun, from); err != nil || now != began {
			more = true // another call was faster
			return err
		}
		lost, err := r.lost(ctx, tx, batch.Outcomes)
		if err != nil {
			return err
		}
		r.Read = r.Last // the rest of the stream has nothing
		if batch.More {
			r.Read = batch.Last
		}
		for _, o := range lost {
			r.Lost[o.Type]++
		}
		if dryRun {
			return nil
		}
		return tx.AddRecovered(ctx, r.stream, r.Read, lost)
	})
	return more, err
}

// position is up to where the database knows the stream, and up to where the lost outcomes are read.
func (r *recovery) position(
	ctx context.Context, tx *store.Tx, dryRun bool, from uint64,
) (known, read uint64, err error) {
	mark, err := tx.OutcomeMark(ctx, r.stream)
	if err != nil {
		return 0, 0, err
	}
	if dryRun {
		return mark.Sequence, max(mark.Sequence, from-min(from, 1)), nil
	}
	read, err = tx.LockRecovery(ctx, r.stream)
	return mark.Sequence, read, err
}

// lost returns those outcomes that this database never had, or lost.
func (r *recovery) lost(
	ctx context.Context, tx *store.Tx, outcomes []events.StoredOutcome,
) ([]store.RecoveredOutcome, error) {
	stored := make([]store.StreamOutcome, len(outcomes))
	for i, o := range outcomes {
		stored[i] = store.StreamOutcome{Sequence: o.Sequence, ID: o.ID}
	}
	unknown, err := tx.UnknownOutcomes(ctx, r.stream, stored)
	if err != nil {
		return nil, err
	}
	var lost []store.RecoveredOutcome
	for _, o := range outcomes {
		if !unknown[o.ID] {
			continue
		}
		delete(unknown, o.ID) // a copy of it may be on the stream
		entry, err := recoverable(o)
		if err != nil {
			return nil, err
		}
		lost = append(lost, entry)
	}
	return lost, nil
}

// recoverable is an outcome of the stream as the ledger keeps it.
func recoverable(o events.StoredOutcome) (store.RecoveredOutcome, error) {
	var data struct {
		FirmID    string               `json:"firm_id"`
		ClientID  string               `json:"client_id"`
		InviteID  uuid.UUID            `json:"invite_id"`
		RunID     uuid.UUID            `json:"run_id"`
		Recipient events.OutcomePerson `json:"recipient"`
	}
	if err := json.Unmarshal(o.Data, &data); err != nil {
		return store.RecoveredOutcome{}, fmt.Errorf("read the outcome at sequence %d: %w", o.Sequence, err)
	}
	entry := store.RecoveredOutcome{
		EventID: o.ID, Sequence: o.Sequence, Type: string(o.Type), About: data.InviteID, FirmID: data.FirmID,
		ClientID: data.ClientID, ContactID: data.Recipient.ContactID, Data: o.Data,
	}
	if strings.HasPrefix(entry.Type, "Run") {
		entry.About = data.RunID
	}
	if number, found := strings.CutPrefix(o.ID, entry.About.String()+"."); found {
		entry.Number, _ = strconv.Atoi(number) // "accepted" and "expired" are no numbers
	}
	return entry, nil
}

// finish enters what was read, sets the durables back, and lets the workers go on. Each step may be done again.
func (r *recovery) finish(ctx context.Context) error {
	if err := r.ledger.Store.Tx(ctx, func(tx *store.Tx) error { return tx.RecoverRuns(ctx) }); err != nil {
		return err
	}
	if err := r.nameContacts(ctx); err != nil {
		return err
	}
	if entered, err := r.enterAll(ctx); err != nil || !entered {
		return err
	}
	if err := r.resetDurables(ctx); err != nil {
		return err
	}
	err := r.ledger.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		if r.Lost, err = tx.CountRecovered(ctx); err != nil {
			return err
		}
		if err := tx.Orphan(ctx); err != nil {
			return err
		}
		return tx.EndRecovery(ctx, r.stream)
	})
	r.Done = err == nil
	return err
}

// enterAll enters what was recovered about invites of the ledger, batch by batch, until the time is over. It returns
// false if there are more.
func (r *recovery) enterAll(ctx context.Context) (entered bool, err error) {
	for {
		n, err := r.enter(ctx)
		if err != nil || n < recoverBatch {
			return err == nil, err
		}
		if time.Now().After(r.until) {
			return false, nil
		}
	}
}

// enter enters the next batch, and notes how far it has come. It returns how many invites it has looked at.
func (r *recovery) enter(ctx context.Context) (n int, err error) {
	err = r.ledger.Commit(ctx, func(tx *ledger.Tx) error {
		last, err := tx.RecoveredTo(ctx, r.stream)
		if err != nil {
			return err
		}
		ids, err := tx.RecoveredInvites(ctx, last, recoverBatch)
		if n = len(ids); err != nil || n == 0 {
			return err
		}
		if err := tx.RecoverInvites(ctx, ids); err != nil {
			return err
		}
		return tx.NoteRecoveredTo(ctx, r.stream, ids[n-1])
	})
	return n, err
}

// resetDurables has the facts and requests delivered again that this database may not have.
func (r *recovery) resetDurables(ctx context.Context) error {
	floors, err := r.floors(ctx)
	if err != nil {
		return err
	}
	r.Resets = make(map[string]uint64, len(floors))
	for durable, floor := range floors {
		r.Resets[durable] = floor + 1
	}
	return events.ResetDurables(ctx, r.JS, r.Resets)
}

// floors returns for each durable up to where everything is in the ledger; 0 if nobody has noted it.
func (r *recovery) floors(ctx context.Context) (map[string]uint64, error) {
	created, floors, err := events.AckFloors(ctx, r.JS)
	if err != nil {
		return nil, err
	}
	return floors, r.ledger.Store.Tx(ctx, func(tx *store.Tx) error {
		noted, err := tx.DurableFloors(ctx, created)
		for durable := range floors {
			floors[durable] = noted[durable]
		}
		return err
	})
}

// Unasked returns the recovered outcomes of invites that no request has asked for again, the first n of them.
func (a *Answers) Unasked(ctx context.Context, n int) (u store.Unasked, err error) {
	err = a.store().Read(ctx, func(tx *store.Tx) (err error) {
		u, err = tx.UnaskedOutcomes(ctx, n)
		return err
	})
	return u, err
}
