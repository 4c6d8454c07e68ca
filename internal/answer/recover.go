package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
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
	r.Last, r.Lost, r.contacts = last, map[string]int{}, map[string][]*events.Contact{}
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

	ledger   *ledger.Ledger
	stream   time.Time // when the broker created the stream of outcomes
	until    time.Time
	contacts map[string][]*events.Contact // by firm; those facts that the ledger may lack
}

// read reads lost outcomes from the stream, page by page, until the time is over.
func (r *recovery) read(ctx context.Context, dryRun bool, from uint64) error {
	for {
		more := false
		err := r.ledger.Store.Tx(ctx, func(tx *store.Tx) (err error) {
			more, err = r.readPage(ctx, tx, dryRun, from)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return ErrNothingKnown
		}
		if err != nil || !more || time.Now().After(r.until) {
			return err
		}
		from = r.Read + 1
	}
}

func (r *recovery) readPage(ctx context.Context, tx *store.Tx, dryRun bool, from uint64) (more bool, err error) {
	mark, err := tx.OutcomeMark(ctx, r.stream)
	if err != nil {
		return false, err
	}
	r.Known = mark.Sequence
	to, err := tx.LockRecovery(ctx, r.stream)
	if err != nil {
		return false, err
	}
	if dryRun {
		to = max(mark.Sequence, from-min(from, 1))
	}
	r.Read = to
	if to >= r.Last {
		return false, nil
	}
	batch, err := events.ReadOutcomesFrom(ctx, r.JS, to+1)
	if err != nil {
		return false, err
	}
	lost, err := r.lost(ctx, tx, batch.Outcomes)
	if err != nil {
		return false, err
	}
	r.Read = r.Last // the rest of the stream has nothing
	if batch.More {
		r.Read = batch.Last
	}
	for _, o := range lost {
		r.Lost[o.Type]++
	}
	if dryRun {
		return batch.More, nil
	}
	return batch.More, tx.AddRecovered(ctx, r.stream, r.Read, lost)
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
	for last := uuid.Nil; ; {
		var ids []uuid.UUID
		err := r.ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
			if ids, err = tx.RecoveredInvites(ctx, last, recoverBatch); err != nil || len(ids) == 0 {
				return err
			}
			return tx.RecoverInvites(ctx, ids, r.findEmail)
		})
		if err != nil {
			return err
		}
		if len(ids) < recoverBatch {
			break
		}
		last = ids[len(ids)-1]
	}
	if err := r.resetDurables(ctx); err != nil {
		return err
	}
	err := r.ledger.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		if r.Lost, err = tx.CountRecovered(ctx); err != nil {
			return err
		}
		return tx.EndRecovery(ctx, r.stream)
	})
	r.Done = err == nil
	return err
}

// findEmail looks among the facts that the ledger may lack. The newest of several counts.
func (r *recovery) findEmail(
	ctx context.Context, firm, contact, masked string,
) (name string, email rules.Email, found bool, err error) {
	facts, known := r.contacts[firm]
	if !known {
		if facts, err = r.readContacts(ctx, firm); err != nil {
			return "", rules.Email{}, false, err
		}
		r.contacts[firm] = facts
	}
	for _, fact := range slices.Backward(facts) {
		if email := address.Parse(fact.Email); fact.ContactID == contact && email.Masked() == masked {
			return fact.Name, email, true, nil
		}
	}
	return "", rules.Email{}, false, nil
}

func (r *recovery) readContacts(ctx context.Context, firm string) ([]*events.Contact, error) {
	floors, err := r.floors(ctx)
	if err != nil {
		return nil, err
	}
	return events.ContactsOf(ctx, r.JS, firm, floors[events.FactsDurable])
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
