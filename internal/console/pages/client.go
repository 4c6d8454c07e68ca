package pages

import (
	"cmp"

	"portal-invites/internal/api"
)

// statusRow is a person on a client in a list.
type statusRow struct {
	Contact, Name, Path string
	Email               string
	Client, ClientPath  string
	Shape               status
	Label, Sentence     string
	Todo                string
	Record              string
}

func (f *frame) statusRow(st api.Status) statusRow {
	row := statusRow{
		Contact: st.Person.ContactID, Name: f.nameOf(st.Person), Email: st.Person.EmailMasked, Shape: f.shape(st),
		Client: cmp.Or(st.ClientName, st.ClientID), ClientPath: f.URL("client", "client", st.ClientID),
		Label: st.Label, Sentence: st.Sentence, Record: f.Record(st.ClientID),
	}
	invite := ""
	if st.LastInvite != nil {
		invite = st.LastInvite.InviteID.String()
	}
	if st.Person.ContactID != "" || invite != "" {
		row.Path = f.personPath(st.ClientID, st.Person.ContactID, invite)
	}
	if len(st.Remedies) > 0 {
		row.Todo = st.Remedies[0]
	}
	return row
}

// clientPage is one client: its people, and how to invite them.
type clientPage struct {
	*frame
	ClientID, Client string
	Record           string
	Rows             []statusRow
	MayInvite        bool
	Templates        []api.Template
	Message          string
	Fields           string
}

func (s *Site) clientOf(f *frame) (any, error) {
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Status(ctx, f.Firm, api.StatusRequest{ClientID: f.value("client"), Locale: string(f.Lang)})
	if err != nil {
		return nil, badID(err)
	}
	page := clientPage{
		frame: f, ClientID: f.value("client"), Record: f.Record(f.value("client")), MayInvite: f.Who.Invites(f.Firm),
		Fields: knownFields(), Message: f.text("message"),
	}
	page.Client = page.ClientID
	for _, st := range answer.Statuses {
		page.Client = cmp.Or(st.ClientName, page.Client)
		page.Rows = append(page.Rows, f.statusRow(st))
	}
	if page.MayInvite {
		if page.Templates, err = f.templates(); err != nil {
			return nil, err
		}
	}
	f.Section, f.Live, f.Title = "clients", f.URL("live"), page.Client
	f.Crumbs = []crumb{{f.T("nav.clients"), f.URL("clients")}, {page.Client, ""}}
	return page, nil
}
