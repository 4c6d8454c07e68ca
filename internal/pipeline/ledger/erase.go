package ledger

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

var (
	errSharedEmail = errors.New("email: several contacts have it; name one of them by contact_id")
	errOthersEmail = errors.New("email: a contact logs in with it; name the contact by contact_id")
)

// Erase erases a person (ADR 171). Nothing more leaves for them, their access ends, and everything that says who they
// are vanishes from the database. What must outlive them stands as keyed hashes. The transaction runs alone
// ([Ledger.CommitAlone]), so no other one writes afterwards what it has read before.
func (t *Tx) Erase(ctx context.Context, e events.Event, data *events.Erasure) error {
	at, name := store.Position(e.Place()), store.Named{FirmID: e.Firm, Person: data.Who()}
	known, err := t.Erasures(ctx, []store.Named{name})
	if err != nil {
		return err
	}
	if before, is := known[name]; is && !before.At.Before(at) {
		return nil // this one, or a newer one, was applied before
	}
	person, err := t.findErased(ctx, e, name)
	if err != nil {
		return err
	}
	newest, err := t.NewestOf(ctx, person)
	if err != nil {
		return err
	}
	names := person.Named()
	if !slices.Contains(names, name) {
		names = append(names, name)
	}
	noted := store.Erasure{At: at, ErasedAt: t.Now, By: data.RequestedBy, Why: data.Reason}
	if _, err := t.NoteErased(ctx, names, noted); err != nil {
		return err
	}
	if at.Before(newest) { // a fact that the stream has behind this one was applied before it
		if err := t.NoteLeftOut(ctx, name, newest, t.Now); err != nil {
			return err
		}
	}
	if err := t.endErased(ctx, person, RequestOf(e), at); err != nil {
		return err
	}
	return t.erase(ctx, person)
}

// findErased finds out what the tables have about the person whom an erasure names.
func (t *Tx) findErased(ctx context.Context, e events.Event, name store.Named) (person store.Erasing, err error) {
	var email string
	if name.Person.Added() {
		email = name.Person.Email()
	}
	key, several, err := t.FindPerson(ctx, e.Firm, name.Person.ContactID(), email)
	if err != nil {
		return person, err
	}
	if len(several) > 1 {
		return person, events.RefusedError{e.At.Sequence: errSharedEmail}
	}
	if person, err = t.StartErasing(ctx, key); err != nil {
		return person, err
	}
	if email != "" && len(key.ContactIDs) == 0 && !slices.Contains(person.Own, email) {
		return person, events.RefusedError{e.At.Sequence: errOthersEmail}
	}
	return person, nil
}

// endErased skips what waits to be sent to an erased person, and ends their access. A mail that is on its way ends by
// the server's word, see [Tx.EndErasedAttempt].
func (t *Tx) endErased(ctx context.Context, person store.Erasing, cause store.Request, at store.Position) error {
	invites, err := t.LoadInvites(ctx, person.Invites)
	if err != nil {
		return err
	}
	var requests []uuid.UUID
	for _, i := range invites {
		requests = append(requests, i.RequestID)
	}
	asked, err := t.LoadRequests(ctx, requests)
	if err != nil {
		return err
	}
	for _, id := range person.Invites {
		if i := invites[id]; i.State == store.Queued {
			t.released = append(t.released, i)
			if err := t.skipErased(asked[i.RequestID], i); err != nil {
				return err
			}
		}
	}
	if err := t.Flush(ctx); err != nil {
		return err
	}
	ended, err := t.EndErased(ctx, person, at)
	if err != nil {
		return err
	}
	for i := range ended {
		ended[i].Email = ""
	}
	if err := t.ReportRemoved(ctx, ended, cause); err != nil {
		return err
	}
	return t.Flush(ctx)
}

// skipErased skips an invite of an erased person. Its outcome says who it was by the contact's id alone.
func (t *Tx) skipErased(request store.Request, before store.Invite) error {
	next := before
	next.Name, next.Email = "", rules.Email{}
	t.skip(&next, rules.ErasedNow(next.Kind))
	t.count(before, next)
	t.write(before, next)
	return t.reportSkipped(request, next, nil)
}

// EndErasedAttempt enters the result of an attempt whose person was erased meanwhile. sent and failed say what the
// server's word is. Without one, nothing is repeated.
func (t *Tx) EndErasedAttempt(j Job, a store.Attempt, sent, failed bool) error {
	j.Invite.Name, j.Invite.Email, j.Invite.Settled, j.Warnings = "", rules.Email{}, true, nil
	j.Invite.Reasons = nil
	a.Said = ""
	switch {
	case sent:
		return t.Sent(j)
	case failed:
		return t.Fail(j, a)
	default:
		t.released = append(t.released, j.Invite)
		return t.skipErased(j.Request, j.Invite)
	}
}

// erase takes an erased person out of all tables.
func (t *Tx) erase(ctx context.Context, person store.Erasing) error {
	isErased := func(p rules.Person) bool {
		return slices.Contains(person.ContactIDs, p.ContactID()) || p.Added() && slices.Contains(person.Own, p.Email())
	}
	requests, err := t.RequestsOf(ctx, person)
	if err != nil {
		return err
	}
	if err := t.redact(ctx, requests, isErased); err != nil {
		return err
	}
	without := func(data []byte) ([]byte, bool) { return events.WithoutPeople(data, isErased) }
	if err := t.EraseLetters(ctx, person.FirmID, without, events.IsNothingLeft); err != nil {
		return err
	}
	if err := t.EraseReasons(ctx, person); err != nil {
		return err
	}
	return t.EraseRows(ctx, person)
}

// redact takes erased people out of stored requests.
func (t *Tx) redact(ctx context.Context, requests []store.Request, isErased func(rules.Person) bool) error {
	var list []store.Redacted
	for _, r := range requests {
		left, named := events.WithoutPeople(r.Data, isErased)
		if !named {
			continue
		}
		content, err := events.Content(events.Type(r.Type), r.Data)
		if err != nil {
			return err
		}
		hash, err := t.ContentHash(ctx, content)
		if err != nil {
			return err
		}
		list = append(list, store.Redacted{ID: r.ID, Data: left, Content: hash})
	}
	return t.EraseRequests(ctx, list)
}

// leaveOut takes the person out of an invite whose recipient was erased before it was decided, and notes that its
// request has to be redacted.
func (t *Tx) leaveOut(c Candidate, next store.Invite) store.Invite {
	next.ContactID, next.AddedEmail, next.AddedName = "", "", ""
	next.Person, next.Name, next.Email = "", "", rules.Email{}
	t.leftOut = append(t.leftOut, c)
	return next
}

// redactNew takes erased people out of the requests that this transaction has decided, and counts them.
func (t *Tx) redactNew(ctx context.Context) error {
	if len(t.leftOut) == 0 {
		return nil
	}
	erased, ids := map[store.Named]bool{}, []uuid.UUID{}
	for _, c := range t.leftOut {
		ids = append(ids, c.Request.ID)
		for _, p := range c.Ask.People() {
			name := store.Named{FirmID: c.Ask.FirmID, Person: p}
			erased[name] = true
			if err := t.NoteLeftOut(ctx, name, c.Request.At, t.Now); err != nil {
				return err
			}
		}
	}
	requests, err := t.LoadRequests(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range requests {
		isErased := func(p rules.Person) bool { return erased[store.Named{FirmID: r.FirmID, Person: p}] }
		if err := t.redact(ctx, []store.Request{r}, isErased); err != nil {
			return err
		}
	}
	return nil
}
