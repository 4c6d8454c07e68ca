package ledger

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// DecideAll decides candidates. Some of them may have been decided before.
func (t *Tx) DecideAll(ctx context.Context, candidates []Candidate) error {
	named, err := t.LoadNamed(ctx, AsksOf(candidates))
	if err != nil {
		return err
	}
	return t.DecideNamed(ctx, named, candidates)
}

// DecideNamed decides candidates if the part of the book that they name is loaded already. It changes the book.
func (t *Tx) DecideNamed(ctx context.Context, named *rules.Book, candidates []Candidate) error {
	t.Book = named
	if err := t.LoadReservations(ctx, t.Book, AsksOf(candidates)); err != nil {
		return err
	}
	mentioned := Duplicates{}
	t.shares = t.shareRoom(candidates)
	var err error
	if t.counts, err = t.ledger.LoadCounts(ctx, t.Tx, t.Book, AsksOf(countsFor(candidates))); err != nil {
		return err
	}
	if err := t.SuppressBounced(ctx, t.bouncedOf(candidates)); err != nil {
		return err
	}
	cancels, err := t.cancelsOf(ctx, candidates)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		mentioned.Mark(t.Book, &c, t.Now)
		if taken, err := t.takeRecovered(c); err != nil || taken {
			if err != nil {
				return err
			}
			continue
		}
		if isDecided := c.Invite.State != ""; isDecided && (!mayChange(c) || isCancelled(cancels, c)) {
			continue
		}
		if err := t.decide(c); err != nil {
			return err
		}
	}
	return nil
}

// mayChange says whether an invite is decided again: it failed, or it was skipped for reasons that can be fixed. If its
// run was cancelled, only somebody who asks for a replay has it decided again.
func mayChange(c Candidate) bool {
	i := c.Invite
	if i.Settled { // also a failure, if its person was erased
		return false
	}
	return i.State == store.Failed || i.State == store.Skipped && (i.Reason != rules.RunCancelled || c.Asked)
}

// BeginUpTo lets the transaction begin to send as many of the new invites that it decides as their senders have room
// for. Each firm gets its share of a sender's room, so that one firm's requests do not use it up before another's are
// decided (ADR 81). See [Tx.Begun].
func (t *Tx) BeginUpTo(room Room) { t.room = room }

// Begun returns the jobs that the transaction has begun. Their attempts are recorded once it has committed.
func (t *Tx) Begun() []Job { return t.sendNow }

// decide asks the rules about a candidate and enters the answer.
func (t *Tx) decide(c Candidate) error {
	decision := t.Book.Decide(c.Ask, t.Now, t.ledger.Policy)
	before, next := c.Invite, c.Invite
	next.ReplayID = c.Replay
	if staysAs(before, c, decision) {
		t.count(before, next)
		return nil
	}
	next.Person, next.Name, next.Email = decision.Person, decision.Name, decision.Email
	if decision.Reason() == rules.PersonErased {
		next = t.leaveOut(c, next)
	}
	next.DecidedAt = t.Now
	if decision.Send() {
		next.State, next.Reason, next.Settled = store.Queued, "", false
		next.Sender = t.senderOf(next.FirmID)
		next.Nonce = rand.Int64() // it must be new, but not secret: the key protects the token
		next.NextAttempt = t.Now
		next.DecidedAt = t.reserve(c, decision)
		next.ExpiresAt = t.expiry()
	} else {
		t.skip(&next, decision)
		if err := t.reportSkipped(c.Request, next, decision.Warnings); err != nil {
			return err
		}
	}
	t.count(before, next)
	if before.State == "" && next.State == store.Queued && t.mayBegin(next) {
		next.NextAttempt = t.waitsUntil(c.Ask, decision)
		t.countMail(c.Ask, decision, next, next.NextAttempt.IsZero())
		if next.NextAttempt.IsZero() {
			t.shares[next.FirmID]--
			t.sendNow = append(t.sendNow, t.attempt(c, next))
			return nil
		}
	}
	t.write(before, next)
	return nil
}

// mayBegin says whether the transaction may begin to send a new invite. Otherwise it is queued.
func (t *Tx) mayBegin(i store.Invite) bool {
	return t.shares[i.FirmID] > 0 && t.counts.canCount(i.Email) && !t.isLate(i)
}

// staysAs says whether an invite stays as it was decided before: the answer is the same, or it failed, and still can't
// be sent. A failure often is the very reason why it can't: the address is suppressed. So a request that is delivered
// again does not make a skip of it. Only somebody who asks for a replay is told why it would be skipped now.
func staysAs(before store.Invite, c Candidate, decision rules.Decision) bool {
	if before.State == store.Failed {
		return !c.Asked && !decision.Send()
	}
	return before.State == store.Skipped && sameReasons(before.Reasons, decision.Reasons)
}

// fairShares shares room among firms. Each gets as much as the others, but no more than it wants; what one firm does
// not need goes to the others.
func fairShares(wants map[string]int, room int) map[string]int {
	firms := slices.SortedFunc(maps.Keys(wants), func(a, b string) int {
		return cmp.Or(cmp.Compare(wants[a], wants[b]), cmp.Compare(a, b))
	})
	shares := make(map[string]int, len(firms))
	for i, firm := range firms { // the firm that wants least is first, so what it leaves is shared by those behind it
		others := len(firms) - i - 1
		shares[firm] = min(wants[firm], (room+others)/(others+1))
		room -= shares[firm]
	}
	return shares
}

// skip changes an invite to the skip that was decided.
func (t *Tx) skip(next *store.Invite, decision rules.Decision) {
	next.State, next.Settled = store.Skipped, decision.Settled()
	next.Reason, next.Reasons = decision.Reason(), decision.Reasons
	next.NextAttempt, next.HeldAt, next.ExpiresAt = time.Time{}, time.Time{}, time.Time{}
	next.DecidedAt = t.Now
	next.Revision++
}

// reserve reserves the access and the login that an invite opens, and returns when that was. The times of an access's
// mails differ and are in the order of the decisions, although the clocks of two workers may differ: by these times, an
// older mail knows that it is superseded (ADR 130).
func (t *Tx) reserve(c Candidate, decision rules.Decision) (at time.Time) {
	key := rules.AccessKey{FirmID: c.Ask.FirmID, ClientID: c.Ask.ClientID, Person: decision.Person}
	at = t.Now
	if before := t.Book.Accesses[key]; before != nil && !before.MailedAt.Before(at) {
		at = before.MailedAt.Add(time.Microsecond)
	}
	if before := t.Book.Accesses[key]; before != nil && before.Email != "" && before.Email != decision.Email.Normal {
		t.moved = append(t.moved, store.ReservedLogin{
			EmailKey: rules.EmailKey{FirmID: key.FirmID, Email: before.Email}, Person: key.Person,
		})
	}
	if before := t.Book.Accesses[key]; before != nil && before.InviteID != c.Ask.InviteID &&
		before.Waits == rules.WaitsInRun && before.StateAt(t.Now) == rules.Invited && c.Ask.Kind != rules.Resend {
		if id, err := uuid.Parse(before.InviteID); err == nil {
			t.overtaken = append(t.overtaken, id)
		}
	}
	t.Book.Reserve(c.Ask, decision, at, t.ledger.Policy)
	t.reservations[key] = store.Reservation{AccessKey: key, Access: *t.Book.Accesses[key], At: c.Request.At}
	return at
}

// expiry is when the link of an invite expires that is decided now, even if its access is active and does not expire.
func (t *Tx) expiry() time.Time { return t.Now.Add(t.ledger.Policy.InviteTTL) }

// sameReasons compares the codes and the conflicts of reasons. Their words, and the time to retry at, may differ.
func sameReasons(a, b []rules.Reason) bool {
	return slices.EqualFunc(a, b, func(a, b rules.Reason) bool {
		sameConflict := a.Conflict == nil && b.Conflict == nil ||
			a.Conflict != nil && b.Conflict != nil && *a.Conflict == *b.Conflict
		return a.Code == b.Code && sameConflict
	})
}
