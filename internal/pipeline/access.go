package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// applyAccess applies what a fact says about who has access.
func (l *ledger) applyAccess(ctx context.Context, tx *store.Tx, e events.Event) error {
	at := position(e)
	var removed []store.AccessChange
	var err error
	switch data := e.Data.(type) {
	case *events.Grant:
		granted, err := tx.Grant(ctx, e.Firm, data.ClientID, data.ContactID, address.Parse(data.Email), data.GrantedAt, at, l.now)
		if err != nil {
			return err
		}
		return l.tellAccepted(ctx, tx, granted)
	case *events.RemovedContact:
		removed, err = tx.EndContact(ctx, e.Firm, data.ContactID, at)
	case *events.RemovedClient:
		removed, err = tx.EndClient(ctx, e.Firm, data.ClientID, at)
	case *events.Firm, *events.Client, *events.Contact, *events.Suppression, *events.Template:
		return nil // they say nothing of it
	case *events.Request, *events.BulkRequest, *events.ReplayRequest:
		return fmt.Errorf("%s is no fact", e.Type)
	}
	if err != nil {
		return err
	}
	return l.tellRemoved(ctx, tx, removed, requestOf(e))
}

// remove applies an AccessRemovalRequested, once by its identity: an old removal that comes again must not remove an access
// given since. Somebody who has no access to remove is told as well, so that every recipient has an outcome.
func (w *Worker) remove(ctx context.Context, e events.Event) error {
	data, ok := e.Data.(*events.Request)
	if !ok {
		return fmt.Errorf("no removal in %s", e.Type)
	}
	request := requestOf(e)
	return w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		fresh, err := tx.InsertRequests(ctx, []store.Request{request})
		if err != nil || fresh == 0 {
			return err
		}
		asked, persons, err := l.accessOf(ctx, tx, removalsIn(e.Firm, data))
		if err != nil {
			return err
		}
		removed, err := tx.Remove(ctx, request.FirmID, asked[0].ClientID, slices.Concat(persons...), request.At)
		if err != nil {
			return err
		}
		for i, a := range asked {
			if !slices.ContainsFunc(removed, func(r store.AccessChange) bool { return slices.Contains(persons[i], r.Person) }) {
				removed = append(removed, a)
			}
		}
		return l.tellRemoved(ctx, tx, removed, request)
	})
}

// removalsIn are the questions about whom a removal is: no rule is asked, so they have no process and no kind.
func removalsIn(firmID string, data *events.Request) []rules.Ask {
	asks := make([]rules.Ask, len(data.Recipients))
	for i, r := range data.Recipients {
		asks[i] = rules.Ask{FirmID: firmID, ClientID: data.ClientID, Recipient: r.Asked()}
	}
	return asks
}

// accessOf is whose access a removal names: for each recipient a change from no access, which is what there is to tell of
// those who have none, and every person that the recipient may be. An email means the contact on the client who has it; whoever
// was added by that email before the contact had it is meant as well, or nobody could end that access.
func (l *ledger) accessOf(ctx context.Context, tx *store.Tx, asks []rules.Ask) ([]store.AccessChange, [][]rules.Person, error) {
	var err error
	if l.book, err = tx.LoadBook(ctx, asks); err != nil {
		return nil, nil, err
	}
	changes, persons := make([]store.AccessChange, len(asks)), make([][]rules.Person, len(asks))
	for i, ask := range asks {
		person, contact := l.book.Resolve(ask)
		email := ask.Recipient.Email
		if contact != nil {
			email = contact.Email
		}
		if person == "" {
			person = rules.Person(ask.Recipient.Key())
		}
		changes[i] = store.AccessChange{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: person, Email: email.Normal}
		persons[i] = []rules.Person{person}
		if ask.Recipient.Email.Normal != "" {
			persons[i] = append(persons[i], rules.AddedPerson(ask.Recipient.Email.Normal))
		}
	}
	return changes, persons, nil
}

const (
	expireBatch = 500
	// expireEvery is how long an expired invite may go untold. The rules do not wait for that: they go by the time.
	expireEvery = time.Second
)

// expire ends invites whose time is over. Whichever worker comes first does it, and tells of it, in one transaction.
func (w *Worker) expire(ctx context.Context) (bool, error) {
	expired := 0
	err := w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		changes, err := tx.ExpireDue(ctx, l.now, expireBatch)
		if err != nil || len(changes) == 0 {
			return err
		}
		expired = len(changes)
		return l.tellExpired(ctx, tx, changes)
	})
	if err == nil && expired < expireBatch {
		wait(ctx, nil, expireEvery)
	}
	return true, err
}

// tellAccepted tells of those who were invited and have now logged in. A person nobody here invited has accepted nothing.
func (l *ledger) tellAccepted(ctx context.Context, tx *store.Tx, changes []store.AccessChange) error {
	return l.tellInvited(ctx, tx, changes, func(c store.AccessChange, about events.About, trace events.Trace) error {
		if c.From != rules.Invited {
			return nil
		}
		data := events.Accepted{About: about, AcceptedAt: l.now}
		return l.tell(events.AccessOutcome(events.InviteAccepted, about, about.InviteID.String()+".accepted", data, trace))
	})
}

func (l *ledger) tellExpired(ctx context.Context, tx *store.Tx, changes []store.AccessChange) error {
	return l.tellInvited(ctx, tx, changes, func(_ store.AccessChange, about events.About, trace events.Trace) error {
		data := events.Expired{About: about, ExpiredAt: l.now}
		return l.tell(events.AccessOutcome(events.InviteExpired, about, about.InviteID.String()+".expired", data, trace))
	})
}

// tellInvited tells of changes of an access as outcomes of the invite that began it.
func (l *ledger) tellInvited(ctx context.Context, tx *store.Tx, changes []store.AccessChange,
	tell func(store.AccessChange, events.About, events.Trace) error,
) error {
	invites, requests, err := behind(ctx, tx, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		invite, ours := invites[c.InviteID.UUID]
		if !ours {
			continue
		}
		request := requests[invite.RequestID]
		about := aboutInvite(request, invite)
		about.DecidedAt = l.now
		if err := tell(c, about, traceOf(request)); err != nil {
			return err
		}
	}
	return nil
}

// tellRemoved tells of removed access, with the removal as the cause.
func (l *ledger) tellRemoved(ctx context.Context, tx *store.Tx, changes []store.AccessChange, cause store.Request) error {
	invites, _, err := behind(ctx, tx, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		about := events.About{FirmID: c.FirmID, ClientID: c.ClientID}
		if invite, ours := invites[c.InviteID.UUID]; ours {
			about = aboutInvite(cause, invite)
		}
		about.Recipient = events.OutcomePerson{ContactID: c.Person.ContactID(), EmailMasked: rules.Email{Normal: c.Email}.Masked()}
		about.Cause, about.DecidedAt, about.RunID, about.ReplayID = causeOf(cause), l.now, nil, nil
		data := events.Removed{About: about, Was: c.From, RemovedAt: l.now}
		id := derive("removed", cause.ID.String(), c.ClientID, string(c.Person)).String()
		if err := l.tell(events.AccessOutcome(events.RemovedAccess, about, id, data, traceOf(cause))); err != nil {
			return err
		}
	}
	return nil
}

// behind loads the invites that began accesses, and the requests behind those.
func behind(ctx context.Context, tx *store.Tx, changes []store.AccessChange) (map[uuid.UUID]store.Invite, map[uuid.UUID]store.Request, error) {
	var ids []uuid.UUID
	for _, c := range changes {
		if c.InviteID.Valid {
			ids = append(ids, c.InviteID.UUID)
		}
	}
	if len(ids) == 0 {
		return nil, nil, nil
	}
	invites, err := tx.LoadInvites(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	requestIDs := make([]uuid.UUID, 0, len(invites))
	for _, i := range invites {
		requestIDs = append(requestIDs, i.RequestID)
	}
	requests, err := tx.LoadRequests(ctx, requestIDs)
	return invites, requests, err
}
