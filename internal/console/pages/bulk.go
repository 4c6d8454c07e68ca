package pages

import (
	"cmp"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// bulkPage asks whom to invite in bulk, and shows what would happen before it does.
type bulkPage struct {
	*frame
	stamp
	Mode, To, Kind    string
	Filter            peopleFilter // of the list of people that this is about
	Narrowed          string       // the list, if it is about fewer than all clients, or those of a kind
	Template, Message string
	Templates         []api.Template
	Fields            string
	Worked            bool // it was worked out what would happen
	AsOf              string
	Bar               bar
	Groups            []group
	Why, Button       string
	Mail              string
	Refused           string
	Plan              string // of those who would get a mail: nobody else does
	Clients           string // ids of clients, one a line
	City              string // where the hour of a start is of
}

// newBulkPage reads what a form or a link says about a bulk request.
func newBulkPage(f *frame) *bulkPage {
	filter := f.peopleFilter()
	page := &bulkPage{
		frame: f, Mode: f.value("mode"), To: f.value("to"), Kind: filter["kind"], Filter: filter.but("kind", ""),
	}
	if len(page.Filter) > 0 {
		page.Narrowed = filter.path(f, "clients")
	}
	return page
}

func (p *bulkPage) request() (events.BulkRequest, error) {
	selection, err := p.Filter.but("kind", p.Kind).selection(p.frame)
	r := events.BulkRequest{
		Mode: cmp.Or(p.Mode, doInvite), Message: p.message(), RequestedBy: p.Who.Name, Selection: selection, Plan: p.Plan,
	}
	if r.Mode == doResend {
		r.To = p.To
	}
	return r, err
}

func (s *Site) bulk(f *frame) (any, error) {
	if !f.Who.Invites(f.Firm) {
		return nil, errMayNot
	}
	f.Section, f.Title = "clients", f.T("bulk.title")
	f.Crumbs = []crumb{{f.T("nav.clients"), f.URL("clients")}, {f.Title, ""}}
	page := newBulkPage(f)
	page.stamp, page.Template, page.Message = newStamp(), f.value("template"), f.text("message")
	page.Fields, page.AsOf, page.City = knownFields(), f.Second(f.Now), f.zoneName()
	var err error
	if page.Templates, err = f.templates(); err != nil {
		return nil, err
	}
	if page.Mode == "" {
		return *page, nil
	}
	err = page.work()
	return *page, err
}

// work works out what would happen.
func (p *bulkPage) work() error {
	r, err := p.request()
	if err != nil {
		return err
	}
	ctx, cancel := p.patiently()
	defer cancel()
	answer, err := p.client.Explain(ctx, p.Firm, api.ExplainRequest{
		Mode: r.Mode, To: r.To, Selection: &r.Selection, Message: r.Message, Locale: string(p.Lang),
		Plan: true, Page: api.Page{Limit: api.MaxLimit},
	})
	if refused, is := err.(*api.Error); is && refused.Code == 400 { //nolint:errorlint // the client returns it as it is
		p.Refused = refused.Message
		return nil
	}
	if err != nil {
		return err
	}
	p.Worked = true
	if answer.Plan != nil {
		p.Plan = answer.Plan.ID.String()
	}
	totals := answer.Totals
	p.Bar = p.twoBar("would", totals.WouldSend, totals.WouldSkip)
	p.Groups = p.explainedGroups(totals, answer.Recipients)
	p.Why = p.N("would.why", totals.WouldSkip)
	if totals.WouldSend > 0 {
		p.Button = p.N("request."+r.Mode+".button", totals.WouldSend)
	}
	for _, e := range answer.Recipients {
		if e.WouldSend {
			p.Mail = p.URL("mail", "type", string(events.BulkInviteRequested), "client", e.ClientID,
				"contact", e.Recipient.ContactID, "template", p.Template, "message", p.Message)
			break
		}
	}
	return nil
}

// explainedGroups puts the people who would get no mail into groups. The totals are of all; the rows are of the people
// whom the answer lists.
func (f *frame) explainedGroups(totals *api.ExplainTotals, people []api.Explained) (groups []group) {
	settled := make(map[rules.Code]int) // how many can be put right; here all, but for those of settled reasons
	for code, n := range totals.ByReason {
		if !code.Settled() {
			settled[code] = n
		}
	}
	for i, code := range reasonsInOrder(totals.ByReason, settled) {
		g := f.group(code, totals.ByReason[code])
		g.Open = i == 0 && !code.Settled()
		for _, e := range people {
			if e.Reason != code {
				continue
			}
			if len(g.Rows) == mostListed {
				g.More = f.N("more", totals.ByReason[code]-mostListed)
				break
			}
			g.Rows = append(g.Rows, personRow{
				Name: f.nameOf(e.Recipient), Client: cmp.Or(e.ClientName, e.ClientID), Why: e.Reasons,
				Record: f.Record(e.ClientID), Path: f.explainedPath(e),
			})
		}
		groups = append(groups, g)
	}
	return groups
}

// mostListed is how many people of a reason a page lists.
const mostListed = 10

func (f *frame) explainedPath(e api.Explained) string {
	switch {
	case e.Recipient.ContactID != "":
		return f.personPath(e.ClientID, e.Recipient.ContactID, "")
	case e.InviteID != nil:
		return f.personPath("", "", e.InviteID.String())
	default:
		return f.URL("client", "client", e.ClientID)
	}
}

// sendBulk publishes a bulk request.
func (s *Site) sendBulk(f *frame) (any, error) {
	if !f.Who.Invites(f.Firm) {
		return nil, errMayNot
	}
	page := newBulkPage(f)
	page.Plan = f.value("plan")
	if !slices.Contains([]string{doInvite, doResend}, page.Mode) {
		return nil, errBadInput
	}
	request, err := page.request()
	if err != nil {
		return nil, err
	}
	if request.StartAt, err = f.startOf("start"); err != nil {
		return nil, err
	}
	id, err := f.publish(events.BulkInviteRequested, request)
	if err != nil {
		return nil, err
	}
	return seeOther(f.URL("done", "event", id)), nil
}
