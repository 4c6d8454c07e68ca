package pages

import (
	"cmp"

	"portal-invites/internal/api"
)

// donePage says what became of what somebody has just asked for.
type donePage struct {
	*frame
	Head, Say string
	Client    string
	ClientURL string
	Rows      []statusRow
	Waits     bool
}

// done shows what became of an event. For a bulk request or a replay, it leads to the run as soon as there is one.
func (s *Site) done(f *frame) (any, error) {
	event := f.value("event")
	if f.value("client") == "" {
		return f.runOf(event)
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Status(ctx, f.Firm, api.StatusRequest{ClientID: f.value("client"), Locale: string(f.Lang)})
	if err != nil {
		return nil, badID(err)
	}
	page := donePage{
		frame: f, ClientURL: f.URL("client", "client", f.value("client")), Client: f.value("client"),
		Head: f.T("done.head"), Say: f.T("done.say"),
	}
	decided := false
	for _, st := range answer.Statuses {
		page.Client = cmp.Or(st.ClientName, page.Client)
		if st.LastInvite != nil && st.LastInvite.Cause.ID == event {
			decided = true
			page.Rows = append(page.Rows, f.statusRow(st))
		}
	}
	if !decided && f.value("do") == doRemove {
		for _, st := range answer.Statuses {
			page.Rows = append(page.Rows, f.statusRow(st))
		}
		decided = true
	}
	page.Waits = !decided
	f.Section, f.Live, f.Title = "clients", f.URL("live"), page.Head
	f.Crumbs = []crumb{{f.T("nav.clients"), f.URL("clients")}, {page.Client, page.ClientURL}, {page.Head, ""}}
	return page, nil
}

// runOf finds the run of an event among the newest.
func (f *frame) runOf(event string) (any, error) {
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Runs(ctx, f.Firm, api.RunsRequest{Page: api.Page{Limit: 20}})
	if err != nil {
		return nil, err
	}
	for _, r := range answer.Runs {
		if r.Cause.ID == event && r.Cause.Source == source {
			return seeOther(f.URL("runs/" + r.RunID.String())), nil
		}
	}
	f.Section, f.Live, f.Title = "runs", f.URL("live"), f.T("done.run")
	return donePage{frame: f, Head: f.T("done.run"), Say: f.T("done.run.say"), Waits: true}, nil
}
