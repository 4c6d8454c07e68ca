package ledger

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// DecideAll decides candidates as they stand. Some of them may have been decided before.
func (t *Tx) DecideAll(ctx context.Context, candidates []Candidate) error {
	named, err := t.LoadNamed(ctx, AsksOf(candidates))
	if err != nil {
		return err
	}
	return t.DecideNamed(ctx, named, candidates)
}

// DecideNamed decides candidates when the part of the book that they name is there already. It changes the book.
func (t *Tx) DecideNamed(ctx context.Context, named *rules.Book, candidates []Candidate) error {
	t.Book = named
	if err := t.LoadReservations(ctx, t.Book, AsksOf(candidates)); err != nil {
		return err
	}
	Duplicates{}.Mark(t.Book, candidates)
	for _, c := range candidates {
		if isDecided := c.Invite.State != ""; isDecided && !mayChange(c.Invite) {
			continue
		}
		if err := t.decide(c); err != nil {
			return err
		}
	}
	return nil
}

// mayChange says whether an invite is decided again: it has failed, or was skipped for reasons that can be fixed.
func mayChange(i store.Invite) bool {
	return i.State == store.Failed || i.State == store.Skipped && !i.Settled
}

// BeginUpTo lets the transaction itself begin to send up to n of the invites that it decides and that are new. See [Tx.Begun].
func (t *Tx) BeginUpTo(n int) { t.room = n }

// Begun are the jobs that the transaction began by itself. Their attempts are on record once it has committed.
func (t *Tx) Begun() []Job { return t.sendNow }

// decide asks the rules about a candidate and enters the answer.
func (t *Tx) decide(c Candidate) error {
	decision := t.Book.Decide(c.Ask, t.Now, t.ledger.Policy)
	before, next := c.Invite, c.Invite
	next.ReplayID = c.Replay
	if before.State == store.Skipped && sameReasons(before.Reasons, decision.Reasons) {
		t.count(before, next) // looked at again, and nothing is new
		return nil
	}
	next.Person, next.Name, next.Email = decision.Person, decision.Name, decision.Email
	next.DecidedAt = t.Now
	if decision.Send() {
		next.State, next.Reason, next.Reasons, next.Settled = store.Queued, "", nil, false
		next.Nonce = rand.Int64() // it need not be secret, only new: the token's secret is the key
		next.NextAttempt = t.Now
		next.ExpiresAt = t.reserve(c, decision)
	} else {
		t.skip(&next, decision)
		if err := t.reportSkipped(c.Request, next); err != nil {
			return err
		}
	}
	t.count(before, next)
	if before.State == "" && next.State == store.Queued && len(t.sendNow) < t.room {
		t.sendNow = append(t.sendNow, t.attempt(c, next))
		return nil
	}
	t.write(before, next)
	return nil
}

func (t *Tx) skip(next *store.Invite, decision rules.Decision) {
	next.State, next.Reason, next.Reasons, next.Settled = store.Skipped, decision.Reason(), decision.Reasons, decision.Settled()
	next.NextAttempt, next.HeldAt, next.ExpiresAt = time.Time{}, time.Time{}, time.Time{}
	next.DecidedAt = t.Now
	next.Revision++
}

// reserve takes hold of the access and the login that an invite is to open, and returns when the invite expires.
func (t *Tx) reserve(c Candidate, decision rules.Decision) time.Time {
	t.Book.Reserve(c.Ask, decision, t.Now, t.ledger.Policy)
	key := rules.AccessKey{FirmID: c.Ask.FirmID, ClientID: c.Ask.ClientID, Person: decision.Person}
	access := *t.Book.Accesses[key]
	t.reservations[key] = store.Reservation{AccessKey: key, Access: access, At: c.Request.At}
	return t.Now.Add(t.ledger.Policy.InviteTTL) // also where the access is active and does not expire: a link always does
}

// sameReasons compares what a person would do about a skip, not the words or the hour it says to try again.
func sameReasons(a, b []rules.Reason) bool {
	return slices.EqualFunc(a, b, func(a, b rules.Reason) bool {
		sameConflict := a.Conflict == nil && b.Conflict == nil ||
			a.Conflict != nil && b.Conflict != nil && *a.Conflict == *b.Conflict
		return a.Code == b.Code && sameConflict
	})
}
