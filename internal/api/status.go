package api

import (
	"context"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// statusKey is the position of an entry in a list of statuses.
type statusKey struct {
	Client string       `json:"c"`
	Person rules.Person `json:"p"`
}

func (s *server) status(ctx context.Context, firm string, r StatusRequest) (StatusAnswer, error) {
	none := StatusAnswer{}
	if err := r.check(); err != nil {
		return none, err
	}
	catalog, err := s.catalogOf(ctx, firm, r.Locale)
	if err != nil {
		return none, err
	}
	page, err := newPager(r.Page, StatusEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	filter := store.StatusFilter{
		FirmID: firm, ClientID: r.ClientID, ContactID: r.ContactID, Email: address.Parse(r.Email).Normal,
	}
	if r.InviteID != "" {
		filter.InviteID = uuid.MustParse(r.InviteID)
	}
	var last statusKey
	behind, err := page.after(&last)
	if err != nil {
		return none, err
	}
	filter.AfterClient, filter.AfterPerson = last.Client, last.Person
	asOf := s.asOf(ctx) // before the database's snapshot
	list, err := s.Reads.Statuses(ctx, filter, page.limit+1)
	if err != nil {
		return none, err
	}
	if len(list) == 0 && !behind {
		return none, r.nobody()
	}
	again, err := s.Answers.DecideAgain(ctx, undone(list))
	if err != nil {
		return none, err
	}
	warnings, err := s.Answers.StatusWarnings(ctx, firm, list)
	if err != nil {
		return none, err
	}
	ofFirm, err := s.Answers.FirmWarnings(ctx, firm)
	if err != nil {
		return none, err
	}
	waits, err := s.waitsOf(ctx, firm)
	if err != nil {
		return none, err
	}
	now := s.Answers.Ledger.Now()
	statuses := make([]Status, len(list))
	for i, found := range list {
		postponed := s.postponedInvite(found, waits, now)
		statuses[i] = statusOf(found, again, postponed, now, r.Attempts, catalog)
		statuses[i].Warnings = rules.WarningsIn(warnings[i], catalog)
	}
	n, next, err := cut(statuses, page, func(st Status) any { return statusKey{st.ClientID, st.person} })
	return StatusAnswer{Statuses: statuses[:n], Next: next, Warnings: rules.WarningsIn(ofFirm, catalog), AsOf: asOf}, err
}

// undone returns the invites that a replay would decide again.
func undone(list []store.Status) (ids []uuid.UUID) {
	for _, s := range list {
		if i := s.Invite; i != nil && (i.State == store.Failed ||
			i.State == store.Skipped && !(rules.Decision{Kind: i.Kind, Reasons: i.Reasons}).Settled()) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

func (r StatusRequest) check() error {
	switch {
	case r.InviteID != "" && (r.ClientID != "" || r.ContactID != "" || r.Email != ""):
		return invalid("invite_id: can't be combined with other fields: it says who it is for")
	case r.InviteID != "":
		if _, err := uuid.Parse(r.InviteID); err != nil {
			return invalid("invite_id: must be a UUID, as outcomes carry it")
		}
	case r.ContactID != "" && r.Email != "":
		return invalid("email: can't be combined with contact_id: one of them says who it is")
	case r.Email != "":
		if err := address.Check(r.Email); err != nil {
			return invalid("email: %s", err)
		}
	case r.ClientID == "" && r.ContactID == "":
		return invalid("client_id: missing (or contact_id, email, invite_id)")
	}
	return nil
}

// nobody is the error if no status was found.
func (r StatusRequest) nobody() error {
	switch {
	case r.InviteID != "":
		return notFound("invite_id: this firm has no such invite")
	case r.Email != "":
		return notFound("email: nobody with it is on such a client or was invited there")
	case r.ContactID != "":
		return notFound("contact_id: this contact is on no such client, and was never invited there")
	default:
		return notFound("client_id: this firm has no such client, or the client has no contacts and nobody was invited")
	}
}
