package api

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// isSelection says whether a call is about a selection or a replay, or assumes facts. These may take seconds; named
// recipients do not.
func isSelection(body []byte) bool {
	var form struct {
		Selection, Filter, Assume json.RawMessage
	}
	return json.Unmarshal(body, &form) == nil && (form.Selection != nil || form.Filter != nil || form.Assume != nil)
}

func (s *server) explain(ctx context.Context, firm string, r ExplainRequest) (ExplainAnswer, error) {
	none := ExplainAnswer{}
	event, err := r.event(firm, s.Answers.Ledger.Now())
	if err != nil {
		return none, err
	}
	assumed, err := s.assumed(firm, r)
	if err != nil {
		return none, err
	}
	catalog, err := s.catalogOf(ctx, firm, r.Locale)
	if err != nil {
		return none, err
	}
	page, err := newPager(r.Page, ExplainEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var from explainKey // the last entry of the page before
	if r.Only != "" && r.Only != OnlySend && r.Only != OnlySkip {
		return none, invalid("only: must be one of: %s, %s", OnlySend, OnlySkip)
	}
	if _, named := event.Data.(*events.Request); named {
		page.limit = len(r.Recipients) // named recipients come in one answer
	}
	totals := &ExplainTotals{ByReason: make(map[rules.Code]int)}
	listing := &listing{only: r.Only, limit: page.limit, catalog: catalog, totals: totals}
	if listing.behind, err = page.after(&from); err != nil {
		return none, err
	}
	_, listing.replay = event.Data.(*events.ReplayRequest)
	visit, keepPlan, err := s.planned(firm, r, event, listing)
	if err != nil {
		return none, err
	}
	question := answer.Question{Event: event, Assumed: assumed, After: store.Cursor(from)}
	tooOld, err := s.Answers.Explain(ctx, question, visit)
	if err != nil {
		return none, err
	}
	n, next, err := cut(listing.found, page, func(e Explained) any { return keyOf(e) })
	if err != nil {
		return none, err
	}
	answer := ExplainAnswer{Recipients: listing.found[:n], Next: next}
	if !listing.behind {
		answer.Totals = listing.totals
		answer.Totals.TooOld = tooOld
		if answer.Plan, err = keepPlan(ctx); err != nil {
			return none, err
		}
	}
	err = s.sayOfFirm(ctx, firm, listing, &answer)
	return answer, err
}

// assumed checks the facts that a call assumes.
func (s *server) assumed(firm string, r ExplainRequest) ([]events.Event, error) {
	list := r.Assume
	if len(list) > 0 && r.Selection != nil && r.Selection.Statuses != nil {
		return nil, invalid("assume: can't be combined with selection.statuses: statuses say what was published")
	}
	if len(list) > answer.MostAssumed {
		return nil, invalid("assume: has %d facts, and may have up to %d", len(list), answer.MostAssumed)
	}
	assumed := make([]events.Event, len(list))
	for i, fact := range list {
		var err error
		if assumed[i], err = s.Answers.Assumed(firm, i, fact.Type, fact.Data); err != nil {
			return nil, invalid("%s", err)
		}
	}
	return assumed, nil
}

// planned returns what visits the candidates of an explanation, and what keeps the plan, if the call asks for one. The
// first page visits all candidates, and it has the plan.
func (s *server) planned(firm string, r ExplainRequest, event events.Event, l *listing) (
	visit func(answer.Explained) bool, keep func(context.Context) (*Plan, error), err error,
) {
	if !r.Plan {
		return l.visit, func(context.Context) (*Plan, error) { return nil, nil }, nil //nolint:nilnil // no plan, no error
	}
	bulk, isBulk := event.Data.(*events.BulkRequest)
	switch {
	case !isBulk:
		return nil, nil, invalid("plan: goes with selection only")
	case len(r.Assume) > 0:
		return nil, nil, invalid("plan: can't be combined with assume: a plan is made of what is published")
	}
	planning := s.Answers.NewPlanning()
	visit = func(e answer.Explained) bool {
		planning.Visit(e)
		return l.visit(e)
	}
	return visit, func(ctx context.Context) (*Plan, error) {
		plan, err := planning.Keep(ctx, firm, *bulk)
		return &Plan{ID: plan.ID, ExpiresAt: plan.ExpiresAt}, err
	}, nil
}

// sayOfFirm adds to an answer why a replay selects nobody of the firm, by which sender its mails leave, and what its
// settings warn of.
func (s *server) sayOfFirm(ctx context.Context, firm string, l *listing, answer *ExplainAnswer) (err error) {
	if l.replay && !l.behind && l.totals.Selected == 0 {
		if answer.Totals.Nothing, err = s.Answers.WhyNothing(ctx, firm); err != nil {
			return err
		}
	}
	if answer.Sender, answer.Postponed, err = s.senderOf(ctx, firm); err != nil {
		return err
	}
	warnings, err := s.Answers.FirmWarnings(ctx, firm)
	answer.Warnings = rules.WarningsIn(warnings, l.catalog)
	return err
}

// listing sums up the candidates that an explanation visits, and keeps the page that was asked for. One goroutine owns
// it.
type listing struct {
	only    string
	limit   int
	catalog *wording.Catalog
	replay  bool
	behind  bool // this is not the first page, so it has no totals

	totals *ExplainTotals
	found  []Explained
}

// explainKey is the position of an entry: client and contact in a selection, invite in a replay.
type explainKey struct {
	ClientID  string    `json:"c,omitempty"`
	ContactID string    `json:"k,omitempty"`
	InviteID  uuid.UUID `json:"i,omitzero"`
}

func keyOf(e Explained) explainKey {
	if e.InviteID != nil {
		return explainKey{InviteID: *e.InviteID}
	}
	return explainKey{ClientID: e.ClientID, ContactID: e.Recipient.ContactID}
}

// visit is called for each candidate. The first page visits all of them, because it has the totals. Any other page
// stops when it is full.
func (l *listing) visit(p answer.Explained) bool {
	reason := p.Decision.Reason()
	l.totals.Selected++
	if p.Decision.Send() {
		l.totals.WouldSend++
	} else {
		l.totals.WouldSkip++
		l.totals.ByReason[reason]++
	}
	if len(l.found) > l.limit {
		return !l.behind
	}
	if l.only == OnlySend && !p.Decision.Send() || l.only == OnlySkip && p.Decision.Send() {
		return true
	}
	// Up to one more than the limit, so that cut sees that more follow.
	l.found = append(l.found, explained(p, l.replay, l.catalog))
	return true
}

func explained(p answer.Explained, replay bool, catalog *wording.Catalog) Explained {
	e := Explained{
		ClientID: p.Ask.ClientID, ClientName: p.ClientName, Kind: p.Ask.Kind,
		Recipient: Person{
			ContactID: contactOf(p.Decision.Person, p.Ask.Recipient.ContactID), Name: p.Decision.Name,
			EmailMasked: p.Decision.Email.Masked(),
		},
		WouldSend: p.Decision.Send(), Reason: p.Decision.Reason(),
		Reasons: rules.InWords(p.Decision.Reasons, catalog),
	}
	for _, w := range p.Decision.Warnings {
		if w.About != rules.FirmThing.Kind() { // the answer has those once
			e.Warnings = append(e.Warnings, w.In(catalog))
		}
	}
	if id, err := uuid.Parse(p.Ask.InviteID); replay && err == nil {
		e.InviteID = &id
	}
	return e
}

// contactOf is the contact that a person is, also if the request named their email.
func contactOf(person rules.Person, named string) string {
	if id := person.ContactID(); id != "" {
		return id
	}
	return named
}

// event makes the event that would be published, and checks it like any event.
func (r ExplainRequest) event(firm string, now time.Time) (events.Event, error) {
	const by = "explain" // the event needs a name here, and nobody will read it
	var data any
	var checkedAs events.Type
	forms := 0
	if r.ClientID != "" || r.Recipients != nil {
		forms++
		checkedAs = events.InviteRequested // the shared item makes no difference to the decision
		data = events.Request{ClientID: r.ClientID, Recipients: r.Recipients, Message: r.Message, RequestedBy: by}
	}
	if r.Selection != nil {
		forms++
		mode := cmp.Or(r.Mode, string(rules.Invite))
		checkedAs = events.BulkInviteRequested
		data = events.BulkRequest{Mode: mode, To: r.To, Selection: *r.Selection, Message: r.Message, RequestedBy: by}
	}
	if r.Filter != nil {
		forms++
		checkedAs = events.ReplayRequested
		data = events.ReplayRequest{Filter: *r.Filter, MaxAge: r.MaxAge, RequestedBy: by}
	}
	switch {
	case forms == 0:
		return events.Event{}, invalid("recipients: missing (or selection, or filter)")
	case forms > 1:
		return events.Event{}, invalid("selection: can't be combined with recipients or filter: ask about one of the three")
	case r.Selection == nil && r.Mode+r.To != "":
		field := map[bool]string{true: "mode", false: "to"}[r.Mode != ""]
		return events.Event{}, invalid("%s: goes with selection only", field)
	case r.MaxAge != "" && r.Filter == nil:
		return events.Event{}, invalid("max_age: goes with filter only")
	}
	t, err := explainable(r.Type, checkedAs)
	if err != nil {
		return events.Event{}, err
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return events.Event{}, err
	}
	checked, err := events.DecodeData(checkedAs, raw)
	if err != nil {
		return events.Event{}, invalid("%s", oneLine(err))
	}
	return answer.Unpublished(firm, t, checked, raw, now), nil
}

// explainable returns the type that the call is about: the form's own type if the call names none.
func explainable(t, form events.Type) (events.Type, error) {
	if t == "" || t == form {
		return form, nil
	}
	switch {
	case !t.Explained():
		return "", invalid("type: must be a request that invites, like %s", events.InviteRequested)
	case t.RecipientsField() == form.RecipientsField():
		return t, nil
	case t.NamesPeople():
		return "", invalid("type: %s names its recipients; a selection goes with %s, a filter with %s",
			t, events.BulkInviteRequested, events.ReplayRequested)
	}
	return "", invalid("%s: missing, and %s needs one", t.RecipientsField(), t)
}

// oneLine puts several problems into one line, for a header.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
