package pages

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// pickPage asks once more before people of the list are invited, reminded or removed: what would happen to each.
//
// They are asked for by name, with one request for each client, so exactly those who were ticked are mailed (ADR 177).
type pickPage struct {
	*frame
	stamp
	Do           string // invite, resend or remove
	Head, Button string
	Say          string   // on how many clients
	Anybody      bool     // somebody was ticked
	Keys         []string // those whom the request will name
	Would        []explainedRow
	WouldHead    string
	Bar          bar
	Groups       []group
	Why          string
	Mail         string
	Templates    []api.Template
	Fields       string
	Message      string
	Back         string
	Refused      string
	AsOf         string
}

// onClient are people of a client that were picked.
type onClient struct {
	ID       string
	Contacts []string
}

// mostClients is how many clients a form names at most: as many as a page of the list has rows, and more.
const mostClients = 200

// The values of "scope": whom a form of the list is about.
const (
	scopeTicked = "ticked"
	scopePage   = "page"
	scopeAll    = "all"
)

// keyOf names a person on a client in a form.
func keyOf(client, contact string) string {
	return url.QueryEscape(client) + "/" + url.QueryEscape(contact)
}

// ofKey reads what [keyOf] has written.
func ofKey(key string) (client, contact string, ok bool) {
	before, after, found := strings.Cut(key, "/")
	client, clientErr := url.QueryUnescape(before)
	contact, contactErr := url.QueryUnescape(after)
	return client, contact, found && clientErr == nil && contactErr == nil && client != "" && contact != ""
}

// ticked are the keys that a form of the list means. It names everybody whom it showed, and says which of them are
// ticked. So an action is about the people who were seen, whatever the list has become since.
func (f *frame) ticked() (keys []string, err error) {
	shown := f.request.Form["shown"]
	switch f.value("scope") {
	case scopePage:
		return shown, nil
	case scopeTicked:
	default:
		return nil, errNoPage
	}
	for _, tick := range f.request.Form["tick"] {
		at, err := strconv.Atoi(tick)
		if err != nil || at < 0 || at >= len(shown) {
			return nil, errNoPage
		}
		keys = append(keys, shown[at])
	}
	return keys, nil
}

// byClient puts people together by client, in the order of the list.
func byClient(keys []string) (list []onClient, err error) {
	places := map[string]int{}
	for _, key := range keys {
		client, contact, ok := ofKey(key)
		if !ok {
			return nil, errBadInput
		}
		at, known := places[client]
		if !known {
			at = len(list)
			places[client] = at
			list = append(list, onClient{ID: client})
		}
		if !slices.Contains(list[at].Contacts, contact) {
			list[at].Contacts = append(list[at].Contacts, contact)
		}
	}
	if len(list) > mostClients {
		return nil, errBadInput
	}
	return list, nil
}

func (c onClient) recipients() (list []events.Recipient) {
	for _, contact := range c.Contacts {
		list = append(list, events.Recipient{ContactID: contact})
	}
	return list
}

// pick shows what would happen to people of the list.
func (s *Site) pick(f *frame) (any, error) {
	if !f.Who.Invites(f.Firm) {
		return nil, errMayNot
	}
	page := &pickPage{
		frame: f, stamp: newStamp(), Do: f.value("do"), Fields: knownFields(), AsOf: f.Second(f.Now),
		Back: f.peopleFilter().path(f, "clients"),
	}
	if typeOf[page.Do] == "" {
		return nil, errNoPage
	}
	if f.value("scope") == scopeAll {
		if page.Do == doRemove {
			return f.onlyTicked(*page), nil
		}
		return seeOther(f.peopleFilter().path(f, "bulk", "mode", page.Do)), nil
	}
	var err error
	if page.Keys, err = f.ticked(); err != nil {
		return nil, err
	}
	clients, err := byClient(page.Keys)
	if err != nil {
		return nil, err
	}
	f.Section, f.Title, f.Live, f.Popup = "clients", f.T("request."+page.Do+".title"), f.URL("live"), true
	f.Crumbs = []crumb{{f.T("nav.clients"), page.Back}, {f.T("request." + page.Do), ""}}
	if page.Head = f.T("request.nobody"); len(clients) == 0 {
		return *page, nil
	}
	page.Anybody = true
	page.Say = f.N("pick.people", len(page.Keys)) + " " + f.N("pick.clients", len(clients))
	if err := page.work(clients); err != nil {
		return nil, err
	}
	if page.Do != doRemove && len(page.Would) > 0 {
		page.Templates, err = f.templates()
	}
	return *page, err
}

// onlyTicked says that nobody loses access because a filter finds them: whoever removes somebody has ticked them.
func (f *frame) onlyTicked(page pickPage) pickPage {
	f.Section, f.Title = "clients", f.T("request.remove.title")
	f.Crumbs = []crumb{{f.T("nav.clients"), page.Back}, {f.T("request.remove"), ""}}
	page.Head, page.Say = f.T("request.nobody"), f.T("pick.remove.ticked")
	return page
}

// work works out what would happen.
func (p *pickPage) work(clients []onClient) error {
	found := make([][]explainedRow, len(clients))
	ctx, cancel := p.patiently()
	defer cancel()
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(sideBySide)
	for i, client := range clients {
		asking.Go(func() (err error) {
			if p.Do == doRemove {
				found[i], err = p.wouldEnd(ctx, client)
			} else {
				found[i], err = p.wouldGet(ctx, client)
			}
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return badID(err)
	}
	totals := make(map[rules.Code]int)
	var not []explainedRow
	for _, row := range slices.Concat(found...) {
		if row.would {
			p.Would = append(p.Would, row)
			continue
		}
		not = append(not, row)
		totals[row.code]++
	}
	p.Bar, p.Why = p.twoBar("would", len(p.Would), len(not)), p.N("would.why", len(not))
	p.Head, p.Button = p.N("request."+p.Do+".head", len(p.Would)), p.N("request."+p.Do+".button", len(p.Would))
	if p.Do == doRemove {
		p.Bar, p.Why = p.twoBar("end", len(p.Would), len(not)), p.N("end.why", len(not))
		p.Keys = nil // a removal names only those who have something to lose
		for _, row := range p.Would {
			p.Keys = append(p.Keys, keyOf(row.clientID, row.contactID))
		}
	}
	p.Groups = p.groupsOfRows(totals, not)
	if p.Do != doRemove && len(p.Would) > 0 {
		p.Mail = p.URL("mail", "type", string(typeOf[p.Do]), "client", p.Would[0].clientID, "contact", p.Would[0].contactID)
	}
	return nil
}

// wouldGet says who of a client would get a mail.
func (p *pickPage) wouldGet(ctx context.Context, client onClient) (rows []explainedRow, err error) {
	answer, err := p.client.Explain(ctx, p.Firm, api.ExplainRequest{
		Type: typeOf[p.Do], ClientID: client.ID, Recipients: client.recipients(), Locale: string(p.Lang),
	})
	for _, e := range answer.Recipients {
		row := p.explainedRow(e)
		row.would, row.clientID, row.contactID = e.WouldSend, e.ClientID, e.Recipient.ContactID
		row.Path = p.explainedPath(e)
		rows = append(rows, row)
	}
	return rows, err
}

// wouldEnd says whose access to a client would end, by where they stand.
func (p *pickPage) wouldEnd(ctx context.Context, client onClient) (rows []explainedRow, err error) {
	answer, err := p.client.Status(ctx, p.Firm, api.StatusRequest{ClientID: client.ID, Locale: string(p.Lang)})
	for _, st := range answer.Statuses {
		if !slices.Contains(client.Contacts, st.Person.ContactID) {
			continue
		}
		row := explainedRow{
			Name: p.nameOf(st.Person), Email: st.Person.EmailMasked, Client: cmp.Or(st.ClientName, st.ClientID),
			Why: []rules.Reason{{Explanation: st.Sentence}}, clientID: st.ClientID, contactID: st.Person.ContactID,
			Path: p.personPath(st.ClientID, st.Person.ContactID, ""), code: "no_access",
		}
		switch st.State {
		case api.Invited, api.Active, api.Queued, api.Expired:
			row.would = true
		case api.NoInviteSent, api.StateDeclined, api.Removed:
		}
		rows = append(rows, row)
	}
	return rows, err
}

// groupsOfRows puts those to whom nothing would happen into groups, by reason.
func (p *pickPage) groupsOfRows(totals map[rules.Code]int, rows []explainedRow) (groups []group) {
	fixable := make(map[rules.Code]int)
	for code, n := range totals {
		if !code.Settled() {
			fixable[code] = n
		}
	}
	for i, code := range reasonsInOrder(totals, fixable) {
		g := p.group(code, totals[code])
		g.Open = i == 0 && fixable[code] > 0
		for _, row := range rows {
			if row.code == code {
				g.Rows = append(g.Rows, personRow{
					Name: row.Name, Client: row.Client, Why: row.Why, Record: row.Record, Path: row.Path,
				})
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// sendPicked publishes the requests: one for each client.
func (s *Site) sendPicked(f *frame) (any, error) {
	if !f.Who.Invites(f.Firm) {
		return nil, errMayNot
	}
	t := typeOf[f.value("do")]
	clients, err := byClient(f.request.PostForm["who"])
	if err != nil || t == "" || len(clients) == 0 {
		return nil, errBadInput
	}
	var ids []string
	for _, client := range clients {
		ids = append(ids, client.ID)
	}
	all, err := eventIDs(f.request.PostForm.Get("event"), ids)
	if err != nil {
		return nil, errOldForm
	}
	list := make([]publication, len(clients))
	for i, client := range clients {
		data := events.Request{
			ClientID: client.ID, Recipients: client.recipients(), Message: f.message(), RequestedBy: f.Who.Name,
		}
		if f.value("do") == doRemove {
			data.Message = nil
		}
		list[i] = publication{t, all[i], data}
	}
	if err := f.publishAll(list); err != nil {
		return nil, err
	}
	query := url.Values{"event": {f.request.PostForm.Get("event")}, "client": ids}
	return seeOther(f.URL("done") + "?" + query.Encode()), nil
}
