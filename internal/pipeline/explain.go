package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Explained is one recipient and what would become of them now.
type Explained struct {
	Ask        rules.Ask
	Decision   rules.Decision
	ClientName string
}

// Explain says what would become of each recipient of a request that nobody has published, in the order in which they would be
// decided, without writing anything. visit returns false when it has heard enough. tooOld is what a replay would leave out.
//
// It asks what the stages ask, of the same facts: the same candidates, the same [rules.Book], claims entered one after the
// other. Facts that the stream holds and that no worker has applied yet are not waited for.
func (w *Worker) Explain(ctx context.Context, e events.Event, visit func(Explained) bool) (tooOld int, err error) {
	err = w.reads().Read(ctx, func(tx *store.Tx) error {
		x := &explanation{w: w, tx: tx, now: w.Now().UTC(), visit: visit, claimed: map[rules.EmailKey]*rules.Login{}}
		switch data := e.Data.(type) {
		case *events.Request:
			candidates, err := namedCandidates(requestOf(e), e)
			if err != nil {
				return err
			}
			_, err = x.decide(ctx, candidates)
			return err
		case *events.BulkRequest:
			return x.selection(ctx, requestOf(e), *data)
		case *events.ReplayRequest:
			leavings := LeavingsOf(e.Firm, data, x.now)
			if tooOld, err = tx.CountTooOld(ctx, leavings); err != nil {
				return err
			}
			return x.leavings(ctx, leavings)
		default:
			return fmt.Errorf("no explanation for %s", e.Type)
		}
	})
	return tooOld, err
}

// reads is where services look things up, apart from the connections the stages work with.
func (w *Worker) reads() *store.Store {
	if w.Reads != nil {
		return w.Reads
	}
	return w.Store
}

// explanation walks candidates as a run does, and keeps what a run writes between its pages: who has taken hold of which
// login and which access.
type explanation struct {
	w     *Worker
	tx    *store.Tx
	now   time.Time
	visit func(Explained) bool

	claimed  map[rules.EmailKey]*rules.Login
	accesses map[rules.AccessKey]*rules.Access // of a replay only: a selection asks for each access once
}

// explainPage is larger than a run's page: nothing is locked meanwhile, and fewer round trips answer sooner.
const explainPage = 2000

func (x *explanation) selection(ctx context.Context, request store.Request, bulk events.BulkRequest) error {
	run := store.Run{ID: runID(request.ID), FirmID: request.FirmID}
	selection := store.Selection{All: bulk.Selection.AllClients, Kind: bulk.Selection.Kind, ClientIDs: bulk.Selection.ClientIDs}
	for {
		page, err := x.tx.Candidates(ctx, run.FirmID, selection, run.Cursor, explainPage)
		if err != nil {
			return err
		}
		candidates := make([]candidate, len(page))
		for i, p := range page {
			candidates[i] = bulkCandidate(request, run, bulk, p)
			run.Cursor.ClientID, run.Cursor.ContactID = p.ClientID, p.ContactID
		}
		if more, err := x.decide(ctx, candidates); err != nil || !more || len(page) < explainPage {
			return err
		}
	}
}

func (x *explanation) leavings(ctx context.Context, leavings store.Leavings) error {
	x.accesses = map[rules.AccessKey]*rules.Access{}
	var cursor store.Cursor
	for {
		page, err := x.tx.Leavings(ctx, leavings, cursor, explainPage)
		if err != nil {
			return err
		}
		candidates, err := x.w.asked(ctx, x.tx, page)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			cursor.InviteID = page[len(page)-1].ID
		}
		if more, err := x.decide(ctx, candidates); err != nil || !more || len(page) < explainPage {
			return err
		}
	}
}

// decide answers for candidates one after the other, and says whether to go on.
func (x *explanation) decide(ctx context.Context, candidates []candidate) (more bool, err error) {
	asks := make([]rules.Ask, len(candidates))
	for i, c := range candidates {
		asks[i] = c.ask
	}
	book, err := x.tx.LoadBook(ctx, asks)
	if err != nil {
		return false, err
	}
	markDuplicates(book, candidates)
	x.remember(book, candidates)
	for _, c := range candidates {
		decision := book.Decide(c.ask, x.now, x.w.Policy)
		if decision.Send() {
			x.claim(book, c.ask, decision)
		}
		explained := Explained{Ask: c.ask, Decision: decision}
		if client := book.Clients[rules.ClientKey{FirmID: c.ask.FirmID, ClientID: c.ask.ClientID}]; client != nil {
			explained.ClientName = client.Name
		}
		if !x.visit(explained) {
			return false, nil
		}
	}
	return true, nil
}

func (x *explanation) claim(book *rules.Book, ask rules.Ask, decision rules.Decision) {
	book.Claim(ask, decision, x.now, x.w.Policy)
	login := rules.EmailKey{FirmID: ask.FirmID, Email: decision.Email.Normal}
	x.claimed[login] = book.Logins[login]
	if x.accesses != nil {
		key := rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: decision.Person}
		x.accesses[key] = book.Accesses[key]
	}
}

// remember enters in a page's book what earlier pages have taken hold of, as the next page of a run would read it.
func (x *explanation) remember(book *rules.Book, candidates []candidate) {
	for _, c := range candidates {
		person, contact := book.Resolve(c.ask)
		email := c.ask.Recipient.Email.Normal
		if contact != nil {
			email = contact.Email.Normal
		}
		login := rules.EmailKey{FirmID: c.ask.FirmID, Email: email}
		if held := x.claimed[login]; held != nil {
			book.Logins[login] = held
		}
		access := rules.AccessKey{FirmID: c.ask.FirmID, ClientID: c.ask.ClientID, Person: person}
		if taken := x.accesses[access]; taken != nil {
			book.Accesses[access] = taken
		}
	}
}

// Unpublished is an event that stands for a request nobody has published, for [Worker.Explain] and [Worker.Preview]: it has an
// identity of its own, so that nothing on record is taken for its own.
func Unpublished(firm string, t events.Type, data events.Data, raw json.RawMessage, now time.Time) events.Event {
	return events.Event{Firm: firm, Type: t, Source: "explain", ID: uuid.NewString(), Time: now, Data: data, Raw: raw}
}
