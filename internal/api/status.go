package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// standingKey is where a list of statuses goes on.
type standingKey struct {
	Client string       `json:"c"`
	Person rules.Person `json:"p"`
}

func (s *server) status(ctx context.Context, firm string, r StatusRequest) (StatusAnswer, error) {
	none := StatusAnswer{}
	if err := r.check(); err != nil {
		return none, err
	}
	limit, err := r.limit()
	if err != nil {
		return none, err
	}
	var last standingKey
	behind, err := r.after(&last)
	if err != nil {
		return none, err
	}
	var list []store.Standing
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		if r.InviteID != "" {
			list, err = standingOfInvite(ctx, tx, firm, uuid.MustParse(r.InviteID))
			return err
		}
		filter := store.StandingFilter{FirmID: firm, ClientID: r.ClientID, AfterClient: last.Client, AfterPerson: last.Person}
		if filter.Persons, err = r.persons(ctx, tx, firm); err != nil {
			return err
		}
		list, err = tx.Standings(ctx, filter, limit+1)
		return err
	})
	if err != nil {
		return none, err
	}
	if len(list) == 0 && !behind {
		return none, r.nobody()
	}
	answer := StatusAnswer{Statuses: make([]Status, len(list))}
	for i, standing := range list {
		answer.Statuses[i] = statusOf(standing, time.Now())
	}
	n, next, err := cut(answer.Statuses, limit, func(st Status) any { return standingKey{st.ClientID, st.person} })
	answer.Statuses, answer.Next = answer.Statuses[:n], next
	return answer, err
}

func (r StatusRequest) check() error {
	switch {
	case r.InviteID != "" && (r.ClientID != "" || r.ContactID != "" || r.Email != ""):
		return invalid("invite_id: stands alone: it says who it is for")
	case r.InviteID != "":
		if _, err := uuid.Parse(r.InviteID); err != nil {
			return invalid("invite_id: must be a UUID, as outcomes carry it")
		}
	case r.ContactID != "" && r.Email != "":
		return invalid("email: must not stand beside contact_id: one of them says who it is")
	case r.Email != "":
		if err := address.Check(r.Email); err != nil {
			return invalid("email: %s", err)
		}
	case r.ClientID == "" && r.ContactID == "":
		return invalid("client_id: missing (or contact_id, email, invite_id)")
	}
	return nil
}

func (r StatusRequest) nobody() error {
	switch {
	case r.Email != "":
		return notFound("email: nobody with it was found")
	case r.ContactID != "":
		return notFound("contact_id: this firm has no such contact on a client like that, and never invited one")
	default:
		return notFound("client_id: this firm has no such client, or nobody stands on it")
	}
}

// persons are those whom the request names; none where it asks for everybody.
func (r StatusRequest) persons(ctx context.Context, tx *store.Tx, firm string) ([]rules.Person, error) {
	switch {
	case r.ContactID != "":
		return []rules.Person{rules.ContactPerson(r.ContactID)}, nil
	case r.Email != "":
		return tx.Persons(ctx, firm, address.Parse(r.Email).Normal)
	default:
		return nil, nil
	}
}

func standingOfInvite(ctx context.Context, tx *store.Tx, firm string, id uuid.UUID) ([]store.Standing, error) {
	invite, err := tx.FindInvite(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && invite.FirmID != firm {
		return nil, notFound("invite_id: this firm has no such invite")
	}
	if err != nil {
		return nil, err
	}
	standing, err := tx.StandingOf(ctx, invite)
	return []store.Standing{standing}, err
}

func statusOf(s store.Standing, now time.Time) Status {
	status := Status{ClientID: s.ClientID, ClientName: s.ClientName, person: s.Person, State: stateOf(s, now)}
	status.Person = Person{ContactID: s.Person.ContactID(), Name: s.Name, EmailMasked: s.Email.Masked()}
	if s.Access != nil {
		status.Access = accessOf(s, now)
		if status.Person.EmailMasked == "" {
			status.Person.EmailMasked = status.Access.LoginMasked
		}
	}
	if s.Invite != nil {
		status.LastInvite = inviteOf(s)
		if status.Person.Name == "" {
			status.Person.Name = s.Invite.Name
		}
		if status.Person.ContactID == "" {
			status.Person.ContactID = s.Invite.ContactID
		}
		if status.Person.EmailMasked == "" {
			status.Person.EmailMasked = s.Invite.Email.Masked()
		}
	}
	status.Sentence = sentence(status)
	return status
}

// stateOf goes by the access. An access whose first mail has not left is queued, and one that ended because its mail could not
// be delivered was never an invite to anybody.
func stateOf(s store.Standing, now time.Time) State {
	if s.Access == nil {
		return NoInviteSent
	}
	first := s.Opener.Kind == rules.Invite
	switch s.Access.State {
	case rules.Active:
		return Active
	case rules.Removed:
		return Removed
	case rules.Invited:
		if first && (s.Opener.State == store.Queued || s.Opener.State == store.Sending) {
			return Queued
		}
	case rules.Expired:
		if first && (s.Opener.State == store.Failed || s.Opener.State == store.Skipped) {
			return NoInviteSent
		}
	}
	if s.Access.StateAt(now) == rules.Expired {
		return Expired
	}
	return Invited
}

func accessOf(s store.Standing, now time.Time) *Access {
	access := &Access{
		State: s.Access.StateAt(now), LoginMasked: rules.Email{Normal: s.Access.Email}.Masked(),
		InvitedAt: utc(s.Access.InvitedAt), MailedAt: utc(s.Access.MailedAt), ExpiresAt: utc(s.Access.ExpiresAt),
	}
	switch s.Access.State {
	case rules.Active:
		access.LastLogin = utc(s.LastLogin)
	case rules.Removed:
		access.RemovedAt = utc(s.RemovedAt)
	case rules.Invited, rules.Expired:
	}
	if id, err := uuid.Parse(s.Access.InviteID); err == nil {
		access.InviteID = &id
	}
	return access
}

func inviteOf(s store.Standing) *LastInvite {
	i := s.Invite
	last := &LastInvite{
		InviteID: i.ID, Revision: i.Revision, Kind: i.Kind, Lane: string(i.Lane), State: string(i.State),
		Cause:     events.Cause{Source: s.Cause.Source, ID: s.Cause.EventID, Type: events.Type(s.Cause.Type)},
		DecidedAt: utc(i.DecidedAt), SentAt: utc(i.SentAt), ExpiresAt: utc(i.ExpiresAt), Attempts: i.Attempt,
		Reason: i.Reason, Reasons: i.Reasons,
	}
	if i.RunID.Valid {
		last.RunID = &i.RunID.UUID
	}
	if i.ReplayID.Valid {
		last.ReplayID = &i.ReplayID.UUID
	}
	if i.State == store.Queued {
		last.NextAttempt = utc(i.NextAttempt)
	}
	if i.State != store.Sent && s.Attempt != nil && s.Attempt.Verdict != "" {
		last.Failure = &Failure{Stage: s.Attempt.Stage, SMTPCode: s.Attempt.SMTPCode, EnhancedCode: s.Attempt.Enhanced}
	}
	return last
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
