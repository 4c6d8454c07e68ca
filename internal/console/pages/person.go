package pages

import (
	"cmp"

	"portal-invites/internal/api"
)

// personPage is where a person stands on a client, what happened, and the mail as it would be written today.
type personPage struct {
	*frame
	Status    api.Status
	Name      string
	Shape     status
	Client    string
	ClientURL string
	Days      []day
	Invite    string // the invite whose mail can be shown
	Elsewhere []elsewhere
	Resend    string
	Again     string // the address that invites, who was not invited yet
	Remove    string
}

// elsewhere is another client whose portal the person may open.
type elsewhere struct {
	Client, Path, Label string
	Shape               status
}

func (s *Site) person(f *frame) (any, error) {
	request := api.StatusRequest{
		ClientID: f.value("client"), ContactID: f.value("contact"), Email: "", InviteID: f.value("invite"), Attempts: true,
		Locale: string(f.Lang),
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Status(ctx, f.Firm, request)
	if err != nil {
		return nil, badID(err)
	}
	st := answer.Statuses[0]
	page := personPage{
		frame: f, Status: st, Name: f.nameOf(st.Person), Shape: f.shape(st), Client: cmp.Or(st.ClientName, st.ClientID),
		ClientURL: f.URL("client", "client", st.ClientID), Days: f.timeline(st),
	}
	if st.LastInvite != nil {
		page.Invite = st.LastInvite.InviteID.String()
	}
	page.actions(st)
	if st.Person.ContactID != "" {
		if page.Elsewhere, err = f.elsewhere(st); err != nil {
			return nil, err
		}
	}
	f.Section, f.Live, f.Title = "clients", f.URL("live"), page.Name
	f.Crumbs = []crumb{{f.T("nav.clients"), f.URL("clients")}, {page.Client, page.ClientURL}, {page.Name, ""}}
	return page, nil
}

// actions offers what the person may do, and what makes sense.
func (p *personPage) actions(st api.Status) {
	if !p.Who.Invites(p.Firm) || st.Person.ContactID == "" {
		return
	}
	path := func(do string) string {
		return p.URL("request", "do", do, "client", st.ClientID, "contact", st.Person.ContactID)
	}
	switch st.State {
	case api.Invited, api.Active, api.Queued:
		p.Resend, p.Remove = path("resend"), path("remove")
	case api.NoInviteSent, api.Expired, api.StateDeclined, api.Removed:
		p.Again = path("invite")
	}
}

func (f *frame) elsewhere(st api.Status) (list []elsewhere, err error) {
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Status(ctx, f.Firm, api.StatusRequest{ContactID: st.Person.ContactID, Locale: string(f.Lang)})
	if isNotFound(err) {
		return nil, nil
	}
	for _, other := range answer.Statuses {
		if other.ClientID != st.ClientID {
			list = append(list, elsewhere{
				Client: cmp.Or(other.ClientName, other.ClientID), Label: other.Label, Shape: f.shape(other),
				Path: f.personPath(other.ClientID, other.Person.ContactID, ""),
			})
		}
	}
	return list, err
}

// shape is the shape and the word for a status.
func (f *frame) shape(st api.Status) status {
	last := st.LastInvite
	is := func(icon, tone string) status { return status{icon, f.T("status." + icon), tone} }
	switch st.State {
	case api.Active:
		return is("active", "ok")
	case api.Removed:
		return is("removed", "soft")
	case api.Expired:
		return is("expired", "warn")
	case api.StateDeclined:
		return is("declined", "soft")
	case api.Queued:
		return is("wait", "")
	case api.Invited:
		if last != nil && !last.DeliveredAt.IsZero() {
			return is("delivered", "")
		}
		return is("invited", "")
	case api.NoInviteSent:
		switch {
		case last == nil:
			return is("none", "soft")
		case last.State == "failed":
			return is("bounced", "bad")
		case last.State == "queued" || last.State == "sending":
			return is("wait", "")
		default:
			return is("notsent", "warn")
		}
	}
	return status{"none", string(st.State), "soft"} // a newer worker knows more
}
