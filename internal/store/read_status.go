package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Status is a person on a client: what is known of both, the person's access to the client's portal, and the newest
// invite.
type Status struct {
	ClientID   string
	Person     rules.Person // "" if the invite's email was not an address, so that it names no person
	ClientName string
	TimeZone   string // of the firm; "" for none
	Name       string // of the contact; "" for a person added by email, whose name is in the invite
	Email      rules.Email

	Access     *rules.Access // nil: never invited
	Opener     Opener        // the invite whose link opens the access
	Reminders  int           // resends that have left since the access began
	RemindedAt time.Time     // when the newest of them left
	LastLogin  time.Time
	RemovedAt  time.Time
	Suspended  rules.Suspension // whether the access, if it is in force, opens nothing for now
	Declined   rules.Declined   // of the person's email, by DeclinedBy
	DeclinedBy string           // normal form
	EndedBy    time.Time        // when the access' own address declined; zero unless that is what stands

	Invite   *Invite        // without its request and what only sending needs; nil: no invite was requested
	Attempts []AttemptTimes // of the invite, oldest first
	Reports  []MailReport   // about its present mail, oldest first
	Cause    Request        // the invite's request: only source, event id and type
	RunPause *RunPause      // what keeps a queued invite back; nil: its run and its replay go on
}

// RunPause is the pause of a run.
type RunPause struct {
	RunID       uuid.UUID
	At          time.Time
	By, Because string
}

// Opener is the invite that an access goes back to. It is zero if the person was not invited by this pipeline.
type Opener struct{ State State }

// AttemptTimes is an attempt with the times when it began and ended. An attempt that is under way has no FinishedAt and
// no verdict.
type AttemptTimes struct {
	Attempt
	StartedAt, FinishedAt time.Time
}

// StatusFilter says who the statuses are about. With InviteID, that is the person of that invite, and the status has
// that invite. Without InviteID, it is everybody on a client, one person on every client, or one person on one client.
// At least one field besides the firm is set, and at most one of ContactID and Email.
type StatusFilter struct {
	FirmID    string
	ClientID  string
	ContactID string
	Email     string // normal form: its contacts, the person who logs in with it, and the person added by it
	InviteID  uuid.UUID

	AfterClient string       // the last client of the previous page,
	AfterPerson rules.Person // and the last person
}

// Statuses reads at most limit statuses, in (client, person) order. It is one statement (ADR 22): one round trip, which
// matters while a large run keeps the database busy, and one snapshot, in which all of it is true at the same moment.
func (s *Store) Statuses(ctx context.Context, f StatusFilter, limit int) ([]Status, error) {
	sql, args := statusesOfClient, []any{f.FirmID, f.ClientID, f.AfterClient, string(f.AfterPerson), limit}
	switch {
	case f.InviteID != uuid.Nil:
		sql, args = statusOfInvite, append(args, f.InviteID)
	case f.ContactID != "":
		sql, args = statusesOfContact, append(args, f.ContactID)
	case f.Email != "":
		sql, args = statusesOfEmail, append(args, f.Email)
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read statuses: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanStatus)
	if err != nil {
		return nil, fmt.Errorf("read statuses: %w", err)
	}
	return list, nil
}

// scanStatus reads a row of statusColumns. What a join did not find comes as its zero value, or as NULL if the type has
// none.
func scanStatus(row pgx.CollectableRow) (Status, error) {
	var s Status
	var a rules.Access
	var i Invite
	var access *rules.AccessState
	var invite *uuid.UUID
	var reasons []byte
	var invited, mailed, expires, login, removed, reminded, declined, endedBy *time.Time // of the access
	var next, held, decided, sent, linkEnds *time.Time                                   // of the invite
	err := row.Scan(&s.ClientID, &s.Person, &s.ClientName, &s.Name, &s.Email.Written, &s.Email.Normal,
		&access, &a.Version, &a.InviteID, &a.Email, &invited, &mailed, &expires, &login, &removed, &a.Why, &s.Suspended,
		&s.Opener.State, &s.Reminders, &reminded,
		&invite, &i.ContactID, &i.Kind, &i.Lane, &i.RunID, &i.ReplayID, &i.State, &i.Revision, &i.Reason, &reasons,
		&i.Name, &i.Email.Written, &i.Email.Normal, &i.Attempt, &next, &held, &decided, &sent, &linkEnds,
		&i.Sender, &s.TimeZone,
		&s.Cause.Source, &s.Cause.EventID, &s.Cause.Type, &s.Attempts, &s.Reports,
		&declined, &s.Declined.BulkOnly, &s.DeclinedBy, &endedBy, &s.RunPause)
	s.Declined.At, s.EndedBy = orZero(declined), orZero(endedBy)
	if access != nil {
		a.State, a.InvitedAt, a.MailedAt, a.ExpiresAt = *access, orZero(invited), orZero(mailed), orZero(expires)
		s.Access, s.LastLogin, s.RemovedAt, s.RemindedAt = &a, orZero(login), orZero(removed), orZero(reminded)
	}
	if invite != nil {
		i.ID, i.ClientID, i.Person = *invite, s.ClientID, s.Person
		i.NextAttempt, i.HeldAt, i.DecidedAt = orZero(next), orZero(held), orZero(decided)
		i.SentAt, i.ExpiresAt = orZero(sent), orZero(linkEnds)
		s.Invite = &i
	}
	if err == nil {
		i.Reasons, err = decodeReasons(reasons)
	}
	return s, err
}
