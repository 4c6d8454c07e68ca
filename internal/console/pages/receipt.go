package pages

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
)

// receiptPage says what became of what somebody has just asked for, person by person.
type receiptPage struct {
	*frame
	Head         string
	Back         string // where to go on
	Settled      bool   // nothing more follows by itself
	Say          string // how far it is, in a sentence
	Bar          bar
	Rows         []receiptRow
	Trouble, Ask string // what is wrong with the request itself, and what to do
}

// receiptRow is what became of one person.
type receiptRow struct {
	Name, Path string
	Client     string
	Shape      status
	Text       string
	Todo       []string
	Record     string
	rank       int // those who need something come first
}

// done shows what became of a request. A bulk request or a replay leads to its run, as soon as there is one.
func (s *Site) done(f *frame) (any, error) {
	clients := f.request.Form["client"]
	ids, err := eventIDs(f.value("event"), clients)
	if err != nil {
		return nil, errNoPage
	}
	answers, err := f.receipts(ids)
	if err != nil {
		return nil, badID(err)
	}
	if answers[0].Run != nil {
		return seeOther(f.URL("runs/" + answers[0].Run.RunID.String())), nil
	}
	f.Section, f.Live = "clients", f.URL("live")
	page := receiptPage{frame: f, Back: f.URL("clients"), Settled: true, Head: f.T("receipt.head")}
	switch {
	case len(clients) == 0: // of a bulk request or a replay
		page.Back, f.Section = f.URL("runs"), "runs"
	case len(clients) == 1:
		page.Back = f.URL("client", "client", clients[0])
	}
	page.add(answers)
	f.Title = page.Head
	f.Crumbs = []crumb{{f.T("nav." + f.Section), f.URL(f.Section)}, {page.Head, ""}}
	return page, nil
}

// receipts asks what became of events, several at a time. If somebody has just sent one form, it waits for a moment:
// most requests are settled by then.
func (f *frame) receipts(ids []string) ([]api.ReceiptAnswer, error) {
	wait := ""
	if len(ids) == 1 && f.request.Header.Get("Sec-Fetch-Mode") == "navigate" {
		wait = "2s"
	}
	answers := make([]api.ReceiptAnswer, len(ids))
	ctx, cancel := f.patiently()
	defer cancel()
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(sideBySide)
	for i, id := range ids {
		asking.Go(func() (err error) {
			answers[i], err = f.client.Receipt(ctx, f.Firm, api.ReceiptRequest{
				Source: source, ID: id, Wait: wait, Locale: string(f.Lang),
			})
			return err
		})
	}
	return answers, asking.Wait()
}

// sideBySide is how many questions about one firm the services answer at a time.
const sideBySide = 3

// add adds up what became of everybody.
func (p *receiptPage) add(answers []api.ReceiptAnswer) {
	sums := make(map[api.InviteOutcome]int)
	waits := "" // what an undecided request waits for
	for _, a := range answers {
		p.Settled = p.Settled && a.Done
		switch {
		case a.Letter != nil && a.State == api.EventDeadLetter:
			p.Trouble = p.T("receipt.letter", "reason", a.Letter.Reason)
			p.Ask = p.T("receipt.letter.todo", "id", a.Letter.ID.String())
		case a.State == api.EventWaits && a.WaitsFor != nil:
			waits = p.T("receipt.waits.facts", "type", string(a.WaitsFor.Type))
		case a.State != api.EventDecided:
			waits = cmp.Or(waits, p.T("receipt.waits.turn"))
		}
		for _, r := range a.Recipients {
			sums[r.Outcome]++
			p.Rows = append(p.Rows, p.receiptRow(r))
		}
	}
	p.Bar = p.receiptBar(sums)
	switch pending := sums[api.PendingOutcome]; {
	case waits != "":
		p.Say = waits
	case pending > 0:
		p.Say = p.N("receipt.pending", pending)
	case sums[api.RemovedOutcome] > 0:
		p.Say = p.N("receipt.removed", sums[api.RemovedOutcome])
	default:
		p.Say = p.N("receipt.sent", sums[api.SentOutcome])
	}
	slices.SortStableFunc(p.Rows, func(a, b receiptRow) int { return cmp.Compare(a.rank, b.rank) })
}

// receiptBar is the addition of a receipt.
func (p *receiptPage) receiptBar(sums map[api.InviteOutcome]int) bar {
	if len(sums) == 0 || sums[api.RemovedOutcome] > 0 {
		return bar{}
	}
	all := 0
	for _, n := range sums {
		all += n
	}
	num := func(o api.InviteOutcome) string { return p.Num(sums[o]) }
	label := p.T("bar.label", "selected", p.Num(all), "sent", num(api.SentOutcome), "skipped", num(api.SkippedOutcome),
		"failed", num(api.FailedOutcome), "pending", num(api.PendingOutcome))
	parts := make([]part, 0, 4)
	for _, o := range []api.InviteOutcome{api.SentOutcome, api.SkippedOutcome, api.FailedOutcome, api.PendingOutcome} {
		parts = append(parts, part{Class: string(o), Word: p.T(string(o)), n: sums[o]})
	}
	return p.newBar(label, part{Word: p.T("selected"), n: all}, parts...)
}

func (f *frame) receiptRow(r api.RunRecipient) receiptRow {
	row := receiptRow{
		Name: f.nameOf(r.Recipient), Client: cmp.Or(r.ClientName, r.ClientID),
		Path: f.personPath(r.ClientID, r.Recipient.ContactID, r.InviteID.String()),
	}
	is := func(icon, tone string) status { return status{icon, f.T("status." + icon), tone} }
	switch r.Outcome {
	case api.SentOutcome:
		row.rank = 1
		row.Shape, row.Text = is("invited", ""), f.T("receipt.row.sent", "when", f.Second(r.SentAt))
	case api.SkippedOutcome:
		row.Shape = is("notsent", "warn")
		if r.Reason.Settled() {
			row.Shape.Tone, row.rank = "soft", 2
		}
		texts := make([]string, len(r.Reasons))
		for i, reason := range r.Reasons {
			texts[i] = reason.Explanation
			row.Todo = append(row.Todo, reason.Remedy)
		}
		row.Text = strings.Join(texts, " ")
	case api.FailedOutcome:
		row.Shape = is("bounced", "bad")
		if r.Failure != nil {
			row.Text, row.Todo = r.Failure.Explanation, []string{r.Failure.Remedy}
		}
	case api.RemovedOutcome:
		row.Shape, row.Text = is("removed", "soft"), f.T("receipt.row.removed")
		row.Path = f.personPath(r.ClientID, r.Recipient.ContactID, "")
	case api.PendingOutcome:
		row.Shape, row.Text = is("wait", ""), f.waitsFor(r)
	}
	row.Todo = slices.DeleteFunc(row.Todo, func(todo string) bool { return todo == "" })
	if len(row.Todo) > 0 {
		row.Record = f.Record(r.ClientID)
	}
	return row
}

// waitsFor says what a mail waits for.
func (f *frame) waitsFor(r api.RunRecipient) string {
	switch {
	case r.Held:
		return f.T("receipt.row.held")
	case r.Postponed != "" && !r.PostponedUntil.IsZero():
		return f.T("receipt.row.until", "why", f.Known("postponed."+string(r.Postponed), string(r.Postponed)),
			"when", f.At(r.PostponedUntil))
	case r.Postponed != "":
		return f.Known("postponed."+string(r.Postponed), string(r.Postponed))
	case r.Failure != nil && r.NextAttempt.After(f.Now):
		return f.T("receipt.row.again", "when", f.At(r.NextAttempt))
	default:
		return f.T("receipt.row.pending")
	}
}

// eventIDs are the ids of the events that a form publishes about clients. One event has the form's own id. Several have
// ids derived from it and the client, so that a form that is sent twice is the same events.
func eventIDs(form string, clients []string) ([]string, error) {
	id, err := uuid.Parse(form)
	if err != nil || len(clients) > mostClients {
		return nil, errBadInput
	}
	if len(clients) <= 1 {
		return []string{form}, nil
	}
	ids := make([]string, len(clients))
	for i, client := range clients {
		ids[i] = uuid.NewSHA1(id, []byte(client)).String()
	}
	return ids, nil
}
