package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Status is a person on a client, what is known of both, the access between them, and the newest invite.
type Status struct {
	ClientID   string
	Person     rules.Person // "" of an invite whose email was no address: then it is nobody in particular
	ClientName string
	Name       string // of the contact; "" for a person added by email, whose invite has one
	Email      rules.Email

	Access     *rules.Access // nil: never invited
	Opener     Opener        // the invite whose link opens the access
	Reminders  int           // resends that have left since the access began
	RemindedAt time.Time     // the newest of them
	LastLogin  time.Time
	RemovedAt  time.Time

	Invite   *Invite        // without what only sending needs, and its request; nil: nobody has asked for one
	Attempts []AttemptTimes // of the invite, oldest first
	Cause    Request        // of the invite; its identity alone
}

// Opener is the invite that an access goes back to; its zero value means none of this pipeline's.
type Opener struct {
	State State
	Kind  rules.Kind
}

// AttemptTimes is an attempt and when it was made. One under way has no FinishedAt and no verdict.
type AttemptTimes struct {
	Attempt
	StartedAt, FinishedAt time.Time
}

// StatusFilter says whose standing is asked for. InviteID is whom that invite is for, with that invite. Without it, it is
// everybody's on a client, one person's on every client, or one person's on one client. At least one field besides the firm
// is set, and of ContactID and Email one at most.
type StatusFilter struct {
	FirmID    string
	ClientID  string
	ContactID string
	Email     string // normal form: the contacts that have it, whoever logs in with it, and the person added under it
	InviteID  uuid.UUID

	AfterClient string // the last of the page before
	AfterPerson rules.Person
}

// Statuses reads where people stand, in (client, person) order, at most limit. It is one statement: one round trip, which
// counts while a large run keeps the database busy, and one moment of which all of it is true.
func (s *Store) Statuses(ctx context.Context, f StatusFilter, limit int) ([]Status, error) {
	sql, whom := standingsOfClient, []any(nil)
	switch {
	case f.InviteID != uuid.Nil:
		sql, whom = standingOfInvite, []any{f.InviteID}
	case f.ContactID != "":
		sql, whom = standingsOfContact, []any{f.ContactID}
	case f.Email != "":
		sql, whom = standingsOfEmail, []any{f.Email}
	}
	rows, err := s.pool.Query(ctx, sql, append([]any{f.FirmID, f.ClientID, f.AfterClient, string(f.AfterPerson), limit}, whom...)...)
	if err != nil {
		return nil, fmt.Errorf("read where people stand: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanStatus)
	if err != nil {
		return nil, fmt.Errorf("read where people stand: %w", err)
	}
	return list, nil
}

// scanStatus reads a row of standingColumns. What is joined to nothing comes as its zero value, or as NULL where it has none.
func scanStatus(row pgx.CollectableRow) (Status, error) {
	var s Status
	var a rules.Access
	var i Invite
	var access *rules.AccessState
	var invite *uuid.UUID
	var invited, mailed, expires, login, removed, reminded, next, held, decided, sent, linkEnds *time.Time
	err := row.Scan(&s.ClientID, &s.Person, &s.ClientName, &s.Name, &s.Email.Written, &s.Email.Normal,
		&access, &a.InviteID, &a.Email, &invited, &mailed, &expires, &login, &removed,
		&s.Opener.State, &s.Opener.Kind, &s.Reminders, &reminded,
		&invite, &i.ContactID, &i.Kind, &i.Lane, &i.RunID, &i.ReplayID, &i.State, &i.Revision, &i.Reason, &i.Reasons,
		&i.Name, &i.Email.Written, &i.Email.Normal, &i.Attempt, &next, &held, &decided, &sent, &linkEnds,
		&s.Cause.Source, &s.Cause.EventID, &s.Cause.Type, &s.Attempts)
	if access != nil {
		a.State, a.InvitedAt, a.MailedAt, a.ExpiresAt = *access, orZero(invited), orZero(mailed), orZero(expires)
		s.Access, s.LastLogin, s.RemovedAt, s.RemindedAt = &a, orZero(login), orZero(removed), orZero(reminded)
	}
	if invite != nil {
		i.ID, i.ClientID, i.Person = *invite, s.ClientID, s.Person
		i.NextAttempt, i.HeldAt, i.DecidedAt, i.SentAt, i.ExpiresAt = orZero(next), orZero(held), orZero(decided), orZero(sent), orZero(linkEnds)
		s.Invite = &i
	}
	return s, err
}
