package ledger

import (
	"context"
	"fmt"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// Together lets each person get one mail for the reminders of all their portals (ADR 138). It is the mail of their
// first reminder that the rules let leave. together has for each of the other reminders whose mail it is in. others has
// for each mail the ids of the other clients. A reminder that must not leave gets an outcome of its own, and no mail
// names its client.
func (t *Tx) Together(
	ctx context.Context, reminders []Request,
) (together []rules.Together, others [][]string, err error) {
	var asks []rules.Ask
	for _, r := range reminders {
		asks = append(asks, AsksOf(r.Candidates)...)
	}
	book, err := t.LoadBook(ctx, asks)
	if err != nil {
		return nil, nil, err
	}
	type person struct {
		firm   string
		person rules.Person
	}
	together, others = make([]rules.Together, len(asks)), make([][]string, len(asks))
	firsts := map[person]int{}
	for i, ask := range asks {
		decision := book.Decide(ask, t.Now, t.ledger.Policy)
		if !decision.Send() {
			continue
		}
		who := person{ask.FirmID, decision.Person}
		first, again := firsts[who]
		if !again {
			firsts[who] = i
			continue
		}
		together[i] = rules.Together{InviteID: asks[first].InviteID, ClientName: clientOf(book, asks[first])}
		others[first] = append(others[first], ask.ClientID)
	}
	return together, others, nil
}

func clientOf(book *rules.Book, ask rules.Ask) string {
	if client := book.Clients[rules.ClientKey{FirmID: ask.FirmID, ClientID: ask.ClientID}]; client != nil {
		return client.Name
	}
	return ask.ClientID
}

// findTogether looks up what the mails of reminders say. Of the other portals that a mail was to name, it names those
// that its reader has still not opened.
func (t *Tx) findTogether(ctx context.Context, candidates []Candidate) error {
	others := make([][]rules.AccessKey, len(candidates))
	var all []rules.AccessKey
	for i, c := range candidates {
		says, err := events.ReminderOf(c.Request.Source, c.Request.Data)
		if err != nil {
			return fmt.Errorf("read request %s: %w", c.Request.ID, err)
		}
		candidates[i].expiring = says.Expiring
		for _, client := range says.Together {
			others[i] = append(others[i], rules.AccessKey{FirmID: c.Ask.FirmID, ClientID: client, Person: c.Ask.Person})
		}
		all = append(all, others[i]...)
	}
	if len(all) == 0 {
		return nil
	}
	pending, err := t.StillPending(ctx, all, t.Now)
	if err != nil {
		return err
	}
	for i := range candidates {
		for _, key := range others[i] {
			if name, isPending := pending[key]; isPending {
				candidates[i].together = append(candidates[i].together, name)
			}
		}
	}
	return nil
}
