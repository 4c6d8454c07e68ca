package api

import (
	"context"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// statuses lists people, with counts on the first page. The counts and the page are of one moment.
func (s *server) statuses(ctx context.Context, firm string, r StatusesRequest) (StatusesAnswer, error) {
	none := StatusesAnswer{}
	filter, err := r.filter(firm)
	if err != nil {
		return none, err
	}
	page, err := newPager(r.Page, StatusesEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var catalog *wording.Catalog
	if r.Words || r.Locale != "" {
		if catalog, err = s.catalogOf(ctx, firm, r.Locale); err != nil {
			return none, err
		}
	}
	var last statusKey
	behind, err := page.after(&last)
	if err != nil {
		return none, err
	}
	var list []store.PersonStatus
	answer := StatusesAnswer{AsOf: s.asOf(ctx)} // before the database's snapshot
	err = s.Reads.Read(ctx, func(tx *store.Tx) error {
		if !behind {
			counts, err := tx.CountPeople(ctx, filter)
			if err != nil {
				return err
			}
			answer.Counts = countsOf(counts, filter)
		}
		list, err = tx.People(ctx, filter, store.PeopleKey{ClientID: last.Client, Person: last.Person}, page.limit+1)
		return err
	})
	if err != nil {
		return none, err
	}
	answer.People = make([]PersonStatus, len(list))
	for i, found := range list {
		answer.People[i] = personStatusOf(found)
	}
	n, next, err := cut(answer.People, page, func(p PersonStatus) any { return statusKey{p.ClientID, p.person} })
	answer.People, answer.Next = answer.People[:n], next
	if err != nil || !r.Words {
		return answer, err
	}
	return answer, s.sayWhy(ctx, firm, answer.People, catalog)
}

// sayWhy adds why nothing was sent to people, and what to do about it.
func (s *server) sayWhy(ctx context.Context, firm string, people []PersonStatus, catalog *wording.Catalog) error {
	var ids []uuid.UUID
	for _, p := range people {
		if p.State == string(rules.StatusNotSent) && p.InviteID != nil {
			ids = append(ids, *p.InviteID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var found []store.Status
	err := s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.RecipientsByID(ctx, firm, ids)
		return err
	})
	if err != nil {
		return err
	}
	byID := make(map[uuid.UUID]RunRecipient, len(found))
	for _, status := range found {
		byID[status.Invite.ID] = runRecipient(status, catalog)
	}
	for i, p := range people {
		if p.InviteID != nil {
			people[i].Reasons, people[i].Failure = byID[*p.InviteID].Reasons, byID[*p.InviteID].Failure
		}
	}
	return nil
}

// People is what narrows the list, as a bulk request takes it in selection.statuses.
func (r StatusesRequest) People() events.PeopleFilter {
	p := events.PeopleFilter{
		ClientID: r.ClientID, State: rules.StatusState(r.State), Reason: r.Reason, Mail: rules.MailState(r.Mail),
		NoPortal: r.NoPortal, Kind: r.Kind, Primary: r.Primary, Text: r.Text, Email: r.Email,
	}
	if !r.LoginAfter.IsZero() {
		p.LoginAfter = &r.LoginAfter
	}
	if !r.LoginBefore.IsZero() {
		p.LoginBefore = &r.LoginBefore
	}
	return p
}

func (r StatusesRequest) filter(firm string) (store.PeopleFilter, error) {
	p := r.People()
	if problems := p.Problems(); len(problems) > 0 {
		return store.PeopleFilter{}, invalid("%s", problems[0])
	}
	return ledger.PeopleFilterOf(p, firm), nil
}

// countsOf sums up counts. Each sum is under the other filters: that of the states under the mail, and that of the
// mails under the state and the reason.
func countsOf(counts []store.PeopleCount, f store.PeopleFilter) *StatusCounts {
	sums := &StatusCounts{ByState: map[string]int{}, ByReason: map[string]int{}, ByMail: map[string]int{}}
	for _, state := range rules.StatusStates() {
		sums.ByState[string(state)] = 0
	}
	for _, mail := range rules.MailStates() {
		sums.ByMail[string(mail)] = 0
	}
	for _, c := range counts {
		ofMail := f.Mail == "" || c.Mail == f.Mail
		ofState := (f.State == "" || c.State == f.State) && (f.Reason == "" || c.Reason == f.Reason)
		if ofMail {
			sums.ByState[string(c.State)] += c.Count
			if c.State == rules.StatusNotSent {
				sums.ByReason[c.Reason] += c.Count
			}
		}
		if ofState {
			sums.ByMail[string(c.Mail)] += c.Count
		}
		if ofMail && ofState {
			sums.People += c.Count
		}
	}
	return sums
}

func personStatusOf(p store.PersonStatus) PersonStatus {
	status := PersonStatus{
		ClientID: p.ClientID, ClientName: p.ClientName, ClientKind: p.ClientKind,
		Person: Person{ContactID: p.Person.ContactID(), Name: rules.NameOnly(p.Name), EmailMasked: p.Email.Masked()},
		Listed: p.Listed, Primary: p.Primary, State: string(p.State), Reason: p.Reason, Mail: string(p.Mail),
		LastLogin: utc(p.LastLogin), DecidedAt: utc(p.DecidedAt), Revision: p.Revision, AccessVersion: p.AccessVersion,
		person: p.Person,
	}
	if p.InviteID.Valid {
		status.InviteID = &p.InviteID.UUID
	}
	return status
}
