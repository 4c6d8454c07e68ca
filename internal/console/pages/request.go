package pages

import (
	"cmp"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// requestPage asks once more before an event is published: what would happen to each person.
type requestPage struct {
	*frame
	stamp
	Do               string // invite, resend or remove
	Head, Button     string
	ClientID, Client string
	Back             string
	Contacts         []string
	Email, Person    string // of somebody who is added
	Template         string
	Message          string
	Would, WouldNot  []explainedRow
	Bar              bar
	Mail             string // the address of the mail that the first of them would get
	Subject          string
	Nobody           bool // nobody was ticked
	Refused          string
}

// explainedRow is what would be decided about a person.
type explainedRow struct {
	Name   string
	Email  string
	Client string
	Why    []rules.Reason
	Record string
	Path   string // of the person's page
	would  bool
	code   rules.Code

	clientID, contactID string
}

// The things that a request may do.
const (
	doInvite = "invite"
	doResend = "resend"
	doRemove = "remove"
)

var typeOf = map[string]events.Type{
	doInvite: events.InviteRequested, doResend: events.InviteResendRequested, doRemove: events.AccessRemovalRequested,
}

// wanted are the people whom a form names.
func (f *frame) wanted() (list []events.Recipient) {
	for _, contact := range f.request.Form["contact"] {
		if contact != "" && !slices.Contains(list, events.Recipient{ContactID: contact}) {
			list = append(list, events.Recipient{ContactID: contact})
		}
	}
	if f.text("email") != "" {
		list = append(list, events.Recipient{Email: f.text("email"), Name: f.text("name")})
	}
	return list
}

// ask shows what would happen, before it does.
func (s *Site) ask(f *frame) (any, error) {
	page := requestPage{
		frame: f, stamp: newStamp(), Do: f.value("do"), ClientID: f.value("client"), Email: f.text("email"),
		Person: f.text("name"), Template: f.value("template"), Message: f.text("message"),
	}
	if typeOf[page.Do] == "" || page.ClientID == "" {
		return nil, errNoPage
	}
	if !f.Who.Invites(f.Firm) {
		return nil, errMayNot
	}
	page.Client = page.ClientID
	page.Back = f.URL("client", "client", page.ClientID, "message", page.Message)
	people := f.wanted()
	for _, p := range people {
		if p.ContactID != "" {
			page.Contacts = append(page.Contacts, p.ContactID)
		}
	}
	f.Section, f.Title, f.Live, f.Popup = "clients", f.T("request."+page.Do+".title"), f.URL("live"), true
	page.Nobody = len(people) == 0
	if err := page.explain(people); err != nil {
		return nil, err
	}
	f.Crumbs = []crumb{{f.T("nav.clients"), f.URL("clients")}, {page.Client, page.Back}, {f.T("request." + page.Do), ""}}
	return page, nil
}

// explain works out what would happen.
func (p *requestPage) explain(people []events.Recipient) error {
	if p.Nobody {
		p.Head = p.T("request.nobody")
		return nil
	}
	ask := p.explainInvite
	if p.Do == doRemove {
		ask = p.explainRemoval
	}
	err := ask(people)
	if refused, is := err.(*api.Error); is && refused.Code == 400 { //nolint:errorlint // the client returns it as it is
		p.Refused, p.Head = refused.Message, p.T("error.refused")
		return nil
	}
	p.Head, p.Button = p.N("request."+p.Do+".head", len(p.Would)), p.N("request."+p.Do+".button", len(p.Would))
	return err
}

func (p *requestPage) explainInvite(people []events.Recipient) error {
	ctx, cancel := p.patiently()
	defer cancel()
	answer, err := p.client.Explain(ctx, p.Firm, api.ExplainRequest{
		Type: typeOf[p.Do], ClientID: p.ClientID, Recipients: people, Message: p.message(), Locale: string(p.Lang),
	})
	if err != nil {
		return err
	}
	first := ""
	for _, e := range answer.Recipients {
		p.Client = cmp.Or(e.ClientName, p.Client)
		row := p.explainedRow(e)
		if e.WouldSend {
			p.Would = append(p.Would, row)
			first = cmp.Or(first, e.Recipient.ContactID)
		} else {
			p.WouldNot = append(p.WouldNot, row)
		}
	}
	p.Bar = p.twoBar("would", len(p.Would), len(p.WouldNot))
	if len(p.Would) > 0 {
		p.Mail = p.URL("mail", "type", string(typeOf[p.Do]), "client", p.ClientID, "contact", first, "email", p.Email,
			"name", p.Person, "template", p.Template, "message", p.Message)
	}
	return nil
}

func (f *frame) explainedRow(e api.Explained) explainedRow {
	return explainedRow{
		Name: f.nameOf(e.Recipient), Email: e.Recipient.EmailMasked, Client: cmp.Or(e.ClientName, e.ClientID),
		Why: e.Reasons, Record: f.Record(e.ClientID), code: e.Reason,
	}
}

// twoBar draws who would get a mail, and who would not.
func (f *frame) twoBar(key string, would, wouldNot int) bar {
	label := f.T(key+".label", "would", f.Num(would), "not", f.Num(wouldNot), "all", f.Num(would+wouldNot))
	return f.newBar(label, part{Word: f.T("selected"), n: would + wouldNot},
		part{Class: "sent", Word: f.T(key + ".yes"), n: would}, part{Class: "skipped", Word: f.T(key + ".no"), n: wouldNot})
}

// explainRemoval says whose access would end, by where they stand.
func (p *requestPage) explainRemoval(people []events.Recipient) error {
	ctx, cancel := p.patiently()
	defer cancel()
	for _, person := range people {
		answer, err := p.client.Status(ctx, p.Firm, api.StatusRequest{
			ClientID: p.ClientID, ContactID: person.ContactID, Email: person.Email, Locale: string(p.Lang),
		})
		if err != nil && !isNotFound(err) {
			return err
		}
		for _, st := range answer.Statuses {
			p.Client = cmp.Or(st.ClientName, p.Client)
			p.Would = append(p.Would, explainedRow{
				Name: p.nameOf(st.Person), Email: st.Person.EmailMasked, Client: p.Client,
				Why: []rules.Reason{{Explanation: st.Sentence}}, Record: p.Record(st.ClientID),
			})
		}
	}
	return nil
}

// send publishes what was asked for.
func (s *Site) send(f *frame) (any, error) {
	if !f.Who.Invites(f.Firm) {
		return nil, errMayNot
	}
	t := typeOf[f.value("do")]
	if t == "" {
		return nil, errBadInput
	}
	data := events.Request{
		ClientID: f.value("client"), Recipients: f.wanted(), Message: f.message(), RequestedBy: f.Who.Name,
	}
	if f.value("do") == doRemove {
		data.Message = nil
	}
	id, err := f.publish(t, data)
	if err != nil {
		return nil, err
	}
	return seeOther(f.URL("done", "event", id, "client", data.ClientID, "do", f.value("do"))), nil
}
