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

// remove applies an AccessRemovalRequested, once by its identity: an old removal that comes again must not remove an access
// given since. Somebody who has no access to remove is told as well, so that every recipient has an outcome.
func (d Decider) remove(ctx context.Context, e events.Event) error {
	data, ok := e.Data.(*events.Request)
	if !ok {
		return fmt.Errorf("no removal in %s", e.Type)
	}
	request := ledger.RequestOf(e)
	return d.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		fresh, err := tx.InsertRequests(ctx, []store.Request{request})
		if err != nil || fresh == 0 {
			return err
		}
		asked, persons, err := accessOf(ctx, tx, asksIn(e.Firm, data))
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
		return tx.ReportRemoved(ctx, removed, request)
	})
}

// asksIn are the questions about whom a removal names. No rule is asked, so they have no process and no kind.
func asksIn(firmID string, data *events.Request) []rules.Ask {
	asks := make([]rules.Ask, len(data.Recipients))
	for i, r := range data.Recipients {
		asks[i] = rules.Ask{FirmID: firmID, ClientID: data.ClientID, Recipient: r.Asked()}
	}
	return asks
}

// accessOf is whose access a removal names. For each recipient it returns a change from no access, which is what there is to tell
// of those who have none, and every person that the recipient may be. An email means the contact on the client who has it. It
// also means whoever was added by that email before the contact had it, or nobody could end that access.
func accessOf(ctx context.Context, tx *ledger.Tx, asks []rules.Ask) ([]store.AccessChange, [][]rules.Person, error) {
	book, err := tx.LoadBook(ctx, asks)
	if err != nil {
		return nil, nil, err
	}
	changes, persons := make([]store.AccessChange, len(asks)), make([][]rules.Person, len(asks))
	for i, ask := range asks {
		person, contact := book.Resolve(ask)
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
