package pages

import (
	"cmp"

	"portal-invites/internal/api"
)

// heldPage lists the invites of which nobody knows whether they arrived.
type heldPage struct {
	*frame
	Rows      []heldRow
	Decided   bool
	Filters   []filter
	MayDecide bool
	Next      string
}

type heldRow struct {
	api.HeldInvite
	Name, Path, Client, Lost, Ruling string
}

func (s *Site) held(f *frame) (any, error) {
	if !f.Who.Ops {
		return nil, errNoPage
	}
	f.Section, f.Title, f.Live = "held", f.T("nav.held"), f.URL("live")
	state := api.HeldState(cmp.Or(f.value("state"), string(api.StillHeld)))
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Held(ctx, f.Firm, api.HeldRequest{
		State: state, Page: api.Page{Limit: pageSize, Cursor: f.value("cursor")},
	})
	if err != nil {
		return nil, err
	}
	page := heldPage{
		frame: f, Decided: state == api.HeldDecided, MayDecide: f.Who.Operates(),
		Filters: []filter{
			{f.T("held.still"), f.URL("held"), state == api.StillHeld},
			{f.T("held.decided"), f.URL("held", "state", string(api.HeldDecided)), state == api.HeldDecided},
		},
	}
	for _, h := range answer.Invites {
		row := heldRow{
			HeldInvite: h, Name: f.nameOf(h.Recipient), Client: cmp.Or(h.ClientName, h.ClientID), Lost: f.At(h.LostAt),
			Path: f.personPath(h.ClientID, h.Recipient.ContactID, h.InviteID.String()),
		}
		if !h.DecidedAt.IsZero() {
			row.Ruling = f.T("held.ruling", "what", f.Known("held.did."+h.Decision, h.Decision), "who", h.By,
				"when", f.At(h.DecidedAt))
		}
		page.Rows = append(page.Rows, row)
	}
	if answer.Next != "" {
		page.Next = f.URL("held", "state", string(state), "cursor", answer.Next)
	}
	return page, nil
}

// rule rules on a held invite.
func (s *Site) rule(f *frame) (any, error) {
	if !f.Who.Operates() {
		return nil, errMayNot
	}
	ctx, cancel := f.patiently()
	defer cancel()
	_, err := f.client.Held(ctx, f.Firm, api.HeldRequest{Action: f.value("action"), ID: f.value("invite"), By: f.Who.Name})
	if err != nil {
		return nil, err
	}
	return seeOther(f.URL("held", "state", string(api.HeldDecided))), nil
}
