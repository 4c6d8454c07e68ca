package decide

import (
	"context"
	"fmt"
	"slices"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// remove applies an AccessRemovalRequested once. If an old removal is delivered again, or requeued, it must not remove
// an access that was given since. A recipient without access gets an AccessRemoved as well, so that every recipient has
// an outcome.
func (d Decider) remove(ctx context.Context, e events.Event) error {
	data, ok := e.Data.(*events.Request)
	if !ok {
		return fmt.Errorf("no removal in %s", e.Type)
	}
	request := ledger.RequestOf(e)
	return d.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		fresh, err := tx.InsertRequests(ctx, []store.Request{request})
		if err != nil {
			return err
		}
		if fresh == 0 {
			return ledger.RefuseUsedIDs(ctx, tx, []events.Event{e})
		}
		asked, persons, err := accessOf(ctx, tx, asksIn(e.Firm, data))
		if err != nil {
			return err
		}
		removal := store.Removal{
			FirmID: request.FirmID, ClientID: asked[0].ClientID, Persons: slices.Concat(persons...),
			At: store.Position(e.Place()), Requeued: e.Place() != e.At,
		}
		removed, err := tx.Remove(ctx, removal)
		if err != nil {
			return err
		}
		had, reported := slices.Clone(removed), map[rules.Person]bool{}
		for i, a := range asked {
			ended := slices.ContainsFunc(had, func(r store.AccessChange) bool { return slices.Contains(persons[i], r.Person) })
			if !ended && !reported[a.Person] {
				removed, reported[a.Person] = append(removed, a), true
			}
		}
		return tx.ReportRemoved(ctx, removed, request)
	})
}

// asksIn makes a question for each recipient of a removal, to look them up. No rule is asked, so the questions have no
// process and no kind.
func asksIn(firmID string, data *events.Request) []rules.Ask {
	asks := make([]rules.Ask, len(data.Recipients))
	for i, r := range data.Recipients {
		asks[i] = rules.Ask{FirmID: firmID, ClientID: data.ClientID, Recipient: r.Asked()}
	}
	return asks
}

// accessOf looks up the recipients of a removal. For each it returns a change from no access, which is the outcome if
// they have none, and every person that the recipient may be. An email means who logs in with it, and the contact on
// the client who has it: two contacts may share an email, and a contact's email may have changed since the invite. A
// contact and an email also mean the person who was added by the email before the contact had it. Otherwise nobody
// could end that access.
func accessOf(ctx context.Context, tx *ledger.Tx, asks []rules.Ask) ([]store.AccessChange, [][]rules.Person, error) {
	book, err := tx.LoadBook(ctx, asks)
	if err != nil {
		return nil, nil, err
	}
	changes, persons := make([]store.AccessChange, len(asks)), make([][]rules.Person, len(asks))
	for i, ask := range asks {
		person, contact := book.Resolve(ask, tx.Now)
		emails := []string{ask.Recipient.Email.Normal}
		if contact != nil {
			emails = append(emails, contact.Email.Normal)
		}
		if person == "" {
			person = rules.Person(ask.Recipient.Key())
		}
		changes[i] = store.AccessChange{
			FirmID: ask.FirmID, ClientID: ask.ClientID, Person: person, Email: emails[len(emails)-1],
		}
		persons[i] = []rules.Person{person}
		for _, email := range emails {
			if email != "" {
				persons[i] = append(persons[i], rules.AddedPerson(email))
			}
		}
		if contacts := book.ContactsByEmail(ask); len(contacts) > 0 {
			persons[i] = append(persons[i], contacts[0])
		}
		login := book.Logins[rules.EmailKey{FirmID: ask.FirmID, Email: ask.Recipient.Email.Normal}]
		if login != nil && login.ReservedAt(tx.Now) {
			persons[i] = append(persons[i], login.Person)
		}
	}
	return changes, persons, nil
}
