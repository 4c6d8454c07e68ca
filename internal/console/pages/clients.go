package pages

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
)

// clientsPage lists the people of a firm and where they stand.
type clientsPage struct {
	*frame
	Filter       peopleFilter
	Counts       api.StatusCounts
	People, Find string // how many there are, and what was looked for
	AsOf         string
	Rail, Mails  []railEntry
	Chosen       string // the state that is chosen, with its count
	Rows         []listRow
	Shown        string // which of them the page shows
	Next, First  string // the addresses of other pages
	CSV, CSVAll  string
	MayInvite    bool
	Contacts     int    // how many of the page can be ticked
	ThisPage     string // all of these
	All          string // all that match
	Narrowed     bool   // some filter is set
	Nobody       bool   // the firm has nobody at all
}

// clients lists people. A word that is the id of a client or a contact leads to its page.
func (s *Site) clients(f *frame) (any, error) {
	filter := f.peopleFilter()
	page := clientsPage{
		frame: f, Filter: filter, Find: filter["find"], AsOf: f.Second(f.Now), CSV: filter.path(f, "clients.csv"),
		MayInvite: f.Who.Invites(f.Firm), Narrowed: len(filter) > 0,
	}
	answer, err := f.people(filter)
	if err != nil {
		return nil, err
	}
	if len(answer.People) == 0 && f.value("cursor") == "" && page.Find != "" {
		if to := f.byID(page.Find); to != "" {
			return seeOther(to), nil
		}
	}
	page.Counts = *answer.Counts
	page.People = f.N("clients.people", page.Counts.People)
	page.CSVAll = f.N("clients.csv", page.Counts.People)
	page.Rail, page.Mails = f.rail(filter, page.Counts), f.mailRail(filter, page.Counts)
	page.Chosen = page.Rail[0].Name + ", " + page.Rail[0].Count
	for _, e := range page.Rail {
		for _, one := range append(e.Below, e) {
			if one.Chosen {
				page.Chosen = one.Name + ", " + one.Count
			}
		}
	}
	for _, p := range answer.People {
		row := f.listRow(p)
		if row.Key != "" {
			row.At = page.Contacts
			page.Contacts++
		}
		page.Rows = append(page.Rows, row)
	}
	page.ThisPage = f.T("pick.page", "n", f.Num(page.Contacts))
	page.All = f.T("pick.all", "n", f.Num(page.Counts.People))
	page.Nobody = !page.Narrowed && page.Counts.People == 0
	page.turn(answer.Next)
	f.Section, f.Live, f.Title = "clients", f.URL("live"), f.T("nav.clients")
	return page, nil
}

// turn says which people the page shows, and where the next ones are.
func (p *clientsPage) turn(next string) {
	before, err := strconv.Atoi(p.value("from"))
	if err != nil || before < 0 || p.value("cursor") == "" {
		before = 0
	}
	p.Shown = p.T("clients.shown", "from", p.Num(before+1), "to", p.Num(before+len(p.Rows)),
		"all", p.Num(max(p.Counts.People, before+len(p.Rows))))
	if next != "" {
		p.Next = p.Filter.path(p.frame, "clients", "cursor", next, "from", strconv.Itoa(before+len(p.Rows)))
	}
	if p.value("cursor") != "" {
		p.First = p.Filter.path(p.frame, "clients")
	}
}

// people asks for a page of people. The counts are always there: the service has them on its first page only, so a
// later page asks for them as well.
func (f *frame) people(filter peopleFilter) (api.StatusesAnswer, error) {
	r, err := filter.request(f)
	if err != nil {
		return api.StatusesAnswer{}, err
	}
	r.Words = true
	ctx, cancel := f.patiently()
	defer cancel()
	asking, ctx := errgroup.WithContext(ctx)
	var page, first api.StatusesAnswer
	asking.Go(func() (err error) {
		r := r
		r.Page = api.Page{Limit: pageSize, Cursor: f.value("cursor")}
		page, err = f.client.Statuses(ctx, f.Firm, r)
		return err
	})
	if f.value("cursor") != "" {
		asking.Go(func() (err error) {
			r := r
			r.Page, r.Words = api.Page{Limit: 1}, false
			first, err = f.client.Statuses(ctx, f.Firm, r)
			return err
		})
	}
	err = asking.Wait()
	if refused, is := errors.AsType[*api.Error](err); is && strings.HasPrefix(refused.Message, "email:") {
		return api.StatusesAnswer{Counts: &api.StatusCounts{}}, nil // nobody has such an email
	}
	if page.Counts == nil {
		page.Counts = first.Counts
	}
	return page, err
}

// byID is the page of the client or the contact with an id; "" if there is none.
func (f *frame) byID(id string) string {
	ctx, cancel := f.patiently()
	defer cancel()
	if answer, err := f.client.Status(ctx, f.Firm, api.StatusRequest{ClientID: id}); err == nil {
		return f.URL("client", "client", answer.Statuses[0].ClientID)
	}
	answer, err := f.client.Status(ctx, f.Firm, api.StatusRequest{ContactID: id})
	if err != nil {
		return "" // it is no id, and the page says that nobody was found
	}
	first := answer.Statuses[0]
	return f.personPath(first.ClientID, first.Person.ContactID, "")
}

// clientsCSV is the list as a file for a spreadsheet.
func (s *Site) clientsCSV(f *frame) (any, error) {
	r, err := f.peopleFilter().request(f)
	if err != nil {
		return nil, err
	}
	r.Words, r.Limit = true, api.MaxLimit
	file := download{name: "clients.csv", head: f.csvHead(
		"client", "client_id", "kind", "person", "contact_id", "role", "email", "status", "since", "reason", "why", "todo",
		"record",
	)}
	for range mostPages {
		ctx, cancel := f.patiently()
		answer, err := f.client.Statuses(ctx, f.Firm, r)
		cancel()
		if err != nil {
			return nil, err
		}
		for _, p := range answer.People {
			file.rows = append(file.rows, f.statusCells(p))
		}
		if r.Cursor = answer.Next; r.Cursor == "" {
			return file, nil
		}
	}
	return nil, &api.Error{Code: http.StatusRequestEntityTooLarge, Message: f.T("clients.csv.long")}
}

func (f *frame) statusCells(p api.PersonStatus) []string {
	row := f.listRow(p)
	why, reason := "", ""
	if p.Reason != "" {
		reason = f.listReason(p.Reason)
	}
	switch {
	case len(p.Reasons) > 0:
		why = p.Reasons[0].Explanation
	case p.Failure != nil:
		why = p.Failure.Explanation
	}
	return []string{
		p.ClientName, p.ClientID, row.Kind, p.Person.Name, p.Person.ContactID, row.Role, p.Person.EmailMasked, row.Shape.Word,
		row.Since, reason, why, row.Todo, row.Record,
	}
}
