package ledger

import (
	"context"
	"math/rand/v2"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// AskAgain makes the questions about queued invites again, and loads today's facts for them into the book. An invite's
// own reservations do not count against it.
func (t *Tx) AskAgain(ctx context.Context, queued []store.Invite) ([]Candidate, error) {
	candidates, err := CandidatesOf(ctx, t.Tx, queued)
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		candidates[i].Ask.Queued, candidates[i].Ask.Person = true, queued[i].Person
	}
	if t.Book, err = t.LoadBook(ctx, AsksOf(candidates)); err != nil {
		return nil, err
	}
	for i, c := range candidates {
		if !t.getsNewLink(c, t.Book.EmailOf(c.Ask, t.Now)) {
			candidates[i].Ask.Mail = mailOf(c.Invite)
		}
	}
	return candidates, nil
}

// Recheck decides due invites again on today's facts, and begins attempts at those that may still leave. The others are
// skipped: since they were queued, there was a removal, a suppression, or an archived client, for example. If a
// person's email has changed, the mail goes to the new one, and the login moves to it.
func (t *Tx) Recheck(ctx context.Context, due []store.Invite) ([]Job, error) {
	if len(due) == 0 {
		return nil, nil
	}
	candidates, err := t.AskAgain(ctx, due)
	if err != nil {
		return nil, err
	}
	for _, find := range []func(context.Context, []Candidate) error{t.findNewer, t.findTogether, t.findCancelled} {
		if err := find(ctx, candidates); err != nil {
			return nil, err
		}
	}
	attempted, err := t.hadAttempt(ctx, due)
	if err != nil {
		return nil, err
	}
	if t.counts, err = t.ledger.LoadCounts(ctx, t.Tx, t.Book, AsksOf(candidates)); err != nil {
		return nil, err
	}
	var ready []Job
	for _, c := range candidates {
		decision := t.Book.Decide(c.Ask, t.Now, t.ledger.Policy)
		if !decision.Send() {
			if err := t.withdraw(c, decision); err != nil {
				return nil, err
			}
			continue
		}
		if t.moves(c, decision, attempted) {
			continue
		}
		until := t.waitsUntil(c.Ask, decision)
		if until.IsZero() && !t.Book.HasLeft(c.Ask, decision, t.Now) && t.isLate(c.Invite) {
			continue // it stays due
		}
		invite := t.withTodaysFacts(c, decision, until)
		t.countMail(c.Ask, decision, invite, until.IsZero())
		if until.IsZero() {
			ready = append(ready, t.attempt(c, invite))
		}
	}
	t.begun = append(t.begun, attemptsOf(ready)...)
	return ready, nil
}

// findCancelled looks up whether the runs of queued invites were cancelled.
func (t *Tx) findCancelled(ctx context.Context, candidates []Candidate) error {
	invites := make([]store.Invite, len(candidates))
	for i, c := range candidates {
		invites[i] = c.Invite
	}
	cancels, err := t.LoadCancels(ctx, invites)
	if err != nil {
		return err
	}
	for i, c := range candidates {
		candidates[i].Ask.Cancelled = cancels.Of(c.Invite.RunID, c.Invite.ReplayID)
	}
	return nil
}

// findNewer looks for newer mails for the accesses of queued invites. The book says for which accesses a mail was
// decided after the queued one. Most often there is none.
func (t *Tx) findNewer(ctx context.Context, candidates []Candidate) error {
	var overtaken []store.Invite
	for _, c := range candidates {
		key := rules.AccessKey{FirmID: c.Ask.FirmID, ClientID: c.Ask.ClientID, Person: c.Ask.Person}
		if access := t.Book.Accesses[key]; access != nil && access.MailedAt.After(c.Invite.DecidedAt) {
			overtaken = append(overtaken, c.Invite)
		}
	}
	if len(overtaken) == 0 {
		return nil
	}
	newer, err := t.NewerMails(ctx, overtaken)
	if err != nil {
		return err
	}
	for i, c := range candidates {
		candidates[i].Ask.Newer = newer[c.Invite.ID]
	}
	return nil
}

// withTodaysFacts returns a queued invite with the name and email of today's facts, and with reservations that have
// neither expired nor ended by themselves. They end if an invite that has overtaken this one can't be delivered. A link
// that has waited for long gets all its time again. If the mail has to wait, it is due at that time.
func (t *Tx) withTodaysFacts(c Candidate, decision rules.Decision, until time.Time) store.Invite {
	next := c.Invite
	if !until.IsZero() {
		next.NextAttempt = until
	}
	access := t.accessOf(next)
	lapsed := access != nil && (access.State == rules.Removed || access.State == rules.Expired)
	same := decision.Person == next.Person && decision.Email == next.Email && decision.Name == next.Name
	if same && t.Now.Before(c.Invite.ExpiresAt) && !lapsed {
		renews := until.IsZero() && t.hasWaited(c.Invite)
		if renews {
			t.renewLink(c, &next)
		}
		if renews || !until.IsZero() {
			t.write(c.Invite, next)
		}
		return next
	}
	if t.getsNewLink(c, decision.Email) {
		next.Nonce = rand.Int64()
	}
	next.Person, next.Name, next.Email = decision.Person, decision.Name, decision.Email
	t.reserve(c, decision)
	next.ExpiresAt = t.expiry()
	t.write(c.Invite, next)
	return next
}

// worthRenewing is how much of its time a link must have lost before its mail leaves, so that it gets all of it again
// (ADR 173). A mail names the day on which its link ends. So less is not worth the writes.
const worthRenewing = time.Hour

// hasWaited says whether an invite has waited for so long that its link gets all its time again.
func (t *Tx) hasWaited(i store.Invite) bool { return t.expiry().Sub(i.ExpiresAt) > worthRenewing }

// renewLink lets the time of an invite's link begin now. The access lasts as long, if this is its link. The link of a
// resend is not: it becomes the valid one when its mail has left (ADR 141).
func (t *Tx) renewLink(c Candidate, next *store.Invite) {
	next.ExpiresAt = t.expiry()
	key := rules.AccessKey{FirmID: next.FirmID, ClientID: next.ClientID, Person: next.Person}
	before := t.Book.Accesses[key]
	if before == nil || before.State != rules.Invited || before.InviteID != next.ID.String() {
		return
	}
	access := *before
	access.ExpiresAt = next.ExpiresAt
	access.Version++
	t.Book.Accesses[key] = &access
	t.reservations[key] = store.Reservation{AccessKey: key, Access: access, At: c.Request.At}
}

// getsNewLink says whether the mail of a queued invite has another link than it had. If it goes to another email, an
// earlier attempt may have brought the old link to whoever reads the old email. If the access has ended, its link has.
func (t *Tx) getsNewLink(c Candidate, to rules.Email) bool {
	access := t.accessOf(c.Invite)
	return access != nil && access.State == rules.Removed || to.Normal != c.Invite.Email.Normal
}

func (t *Tx) accessOf(i store.Invite) *rules.Access {
	return t.Book.Accesses[rules.AccessKey{FirmID: i.FirmID, ClientID: i.ClientID, Person: i.Person}]
}

// withdraw skips a queued invite that may not leave any more.
func (t *Tx) withdraw(c Candidate, decision rules.Decision) error {
	next := c.Invite
	t.skip(&next, decision)
	t.count(c.Invite, next)
	t.write(c.Invite, next)
	t.released = append(t.released, c.Invite)
	return t.reportSkipped(c.Request, next, decision.Warnings)
}
