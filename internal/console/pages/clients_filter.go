package pages

import (
	"maps"
	"strings"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// peopleFilter narrows the list of people. It is the query of the page's address, so every list can be kept and sent.
type peopleFilter map[string]string

// filterNames are the fields of the query that narrow the list.
func filterNames() []string {
	return []string{"state", "reason", "mail", "kind", "primary", "login", "day", "noportal", "find"}
}

func (f *frame) peopleFilter() peopleFilter {
	p := peopleFilter{}
	for _, name := range filterNames() {
		if value := f.text(name); value != "" {
			p[name] = value
		}
	}
	if p["login"] != "" && p["day"] == "" {
		p["day"] = f.Now.Format(time.DateOnly) // so that all pages of a list mean the same 30 days
	}
	return p
}

// but is the filter with other values. An empty one does not narrow.
func (p peopleFilter) but(pairs ...string) peopleFilter {
	other := maps.Clone(p)
	for i := 0; i+1 < len(pairs); i += 2 {
		delete(other, pairs[i])
		if pairs[i+1] != "" {
			other[pairs[i]] = pairs[i+1]
		}
	}
	return other
}

// path is the address of a page with this filter.
func (p peopleFilter) path(f *frame, page string, more ...string) string {
	pairs := more
	for _, name := range filterNames() {
		if name != "day" || p["login"] != "" {
			pairs = append(pairs, name, p[name])
		}
	}
	return f.URL(page, pairs...)
}

// The values of the filter "login", and how many days they mean.
const (
	loginWithin, withinDays = "within30", 30
	loginNotFor, notForDays = "notfor90", 90
)

// request is the question to the service.
func (p peopleFilter) request(f *frame) (api.StatusesRequest, error) {
	r := api.StatusesRequest{
		State: p["state"], Reason: p["reason"], Mail: p["mail"], Kind: p["kind"], NoPortal: p["noportal"] != "",
		Text: p["find"], Locale: string(f.Lang),
	}
	if strings.Contains(r.Text, "@") {
		r.Text, r.Email = "", r.Text
	}
	switch p["primary"] {
	case "":
	case "yes", "no":
		primary := p["primary"] == "yes"
		r.Primary = &primary
	default:
		return r, errNoPage
	}
	if p["login"] == "" {
		return r, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, p["day"], f.Zone)
	switch {
	case err != nil:
		return r, errNoPage
	case p["login"] == loginWithin:
		r.LoginAfter = day.AddDate(0, 0, -withinDays)
	case p["login"] == loginNotFor:
		r.LoginBefore = day.AddDate(0, 0, -notForDays)
	default:
		return r, errNoPage
	}
	return r, nil
}

// selection is the filter as a bulk request takes it (ADR 170): all clients, those of a kind, or people of the list.
func (p peopleFilter) selection(f *frame) (events.Selection, error) {
	if len(p.but("kind", "")) == 0 {
		return events.Selection{AllClients: true, Kind: p["kind"]}, nil
	}
	r, err := p.request(f)
	people := r.People()
	return events.Selection{Statuses: &people}, err
}

// railEntry is a choice with its count.
type railEntry struct {
	Name, Path, Count string
	Shape             status // no icon: none
	Chosen            bool
	Below             []railEntry
}

// statesInOrder are the states of the list, in the order in which people pass through them.
func statesInOrder() []string {
	return []string{"never_asked", "not_sent", "queued", "invited", "expired", "active", "declined", "removed"}
}

// rail are the states with their counts. They add up to the first.
func (f *frame) rail(p peopleFilter, counts api.StatusCounts) []railEntry {
	all := 0
	for _, n := range counts.ByState {
		all += n
	}
	entry := func(state string) railEntry {
		shape := f.stateShape(state, "")
		return railEntry{
			Name: shape.Word, Path: p.but("state", state, "reason", "").path(f, "clients"), Shape: shape,
			Count: f.Num(counts.ByState[state]), Chosen: p["state"] == state && p["reason"] == "",
		}
	}
	rail := []railEntry{{
		Name: f.T("clients.everybody"), Path: p.but("state", "", "reason", "").path(f, "clients"), Count: f.Num(all),
		Chosen: p["state"] == "" && p["reason"] == "",
	}}
	known := map[string]bool{}
	for _, state := range statesInOrder() {
		if known[state] = true; !has(counts.ByState, state) {
			continue // this worker does not know it
		}
		e := entry(state)
		if state == "not_sent" {
			e.Below = f.reasonsOfRail(p, counts)
		}
		rail = append(rail, e)
	}
	for _, state := range sortedKeys(counts.ByState) {
		if !known[state] {
			rail = append(rail, entry(state)) // a newer worker knows more
		}
	}
	return rail
}

func (f *frame) reasonsOfRail(p peopleFilter, counts api.StatusCounts) (list []railEntry) {
	for _, reason := range mostFirst(counts.ByReason) {
		list = append(list, railEntry{
			Name: f.listReason(reason), Path: p.but("state", "", "reason", reason).path(f, "clients"),
			Count: f.Num(counts.ByReason[reason]), Chosen: p["reason"] == reason,
		})
	}
	return list
}

// mailRail are what reports say about mails, with their counts.
func (f *frame) mailRail(p peopleFilter, counts api.StatusCounts) []railEntry {
	all := 0
	for _, n := range counts.ByMail {
		all += n
	}
	rail := []railEntry{{
		Name: f.T("clients.mail.any"), Path: p.but("mail", "").path(f, "clients"), Count: f.Num(all), Chosen: p["mail"] == "",
	}}
	for _, mail := range []string{"delivered", "bounced", "unknown"} {
		rail = append(rail, railEntry{
			Name: f.T("clients.mail." + mail), Path: p.but("mail", mail).path(f, "clients"),
			Count: f.Num(counts.ByMail[mail]), Chosen: p["mail"] == mail,
		})
	}
	return rail
}

// choice is an option of a field of the filter.
type choice struct {
	Value, Name string
	Chosen      bool
}

// Choices are the options of a field of the filter.
func (p clientsPage) Choices(field string) (list []choice) {
	options := map[string][]string{
		"kind": {"", "individual", "business"}, "primary": {"", "yes", "no"}, "login": {"", loginWithin, loginNotFor},
	}
	for _, value := range options[field] {
		key := "clients." + field + "." + value
		if value == "" {
			key += "all"
		}
		list = append(list, choice{value, p.T(key), p.Filter[field] == value})
	}
	return list
}

// Kept are the fields of the filter that a search leaves as they are.
func (p clientsPage) Kept() []string { return []string{"state", "reason", "mail"} }
