package api

import (
	"cmp"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// statusOf makes the status that a caller gets, with the attempts if they were asked for. again has what would be
// decided now about invites that did not go out, and postponed is why the mail of the last invite waits.
func statusOf(
	s store.Status, again map[uuid.UUID]answer.Again, postponed postponement, now time.Time, attempts bool,
	catalog *wording.Catalog,
) Status {
	status := Status{ClientID: s.ClientID, ClientName: s.ClientName, person: s.Person, State: stateOf(s, now)}
	status.Person = Person{ContactID: s.Person.ContactID(), Name: s.Name, EmailMasked: s.Email.Masked()}
	if s.Access != nil {
		status.Access = accessOf(s, now)
		status.Person.EmailMasked = cmp.Or(status.Person.EmailMasked, status.Access.LoginMasked)
	}
	if !s.Declined.At.IsZero() {
		status.Declined = &Declined{At: utc(s.Declined.At), BulkOnly: s.Declined.BulkOnly}
	}
	if s.Invite != nil {
		status.LastInvite = lastInviteOf(s, catalog)
		status.LastInvite.Postponed, status.LastInvite.PostponedUntil = postponed.why, utc(postponed.until)
		if p := s.RunPause; p != nil {
			status.LastInvite.PausedRun = &PausedRun{RunID: p.RunID, At: utc(p.At), By: p.By, Reason: p.Because}
		}
		if a, ok := again[s.Invite.ID]; ok {
			status.LastInvite.Now = &Now{WouldSend: a.Send(), Reasons: rules.InWords(a.Reasons, catalog), TooOld: a.TooOld}
		}
		status.Person.Name = cmp.Or(status.Person.Name, s.Invite.Name)
		status.Person.ContactID = cmp.Or(status.Person.ContactID, s.Invite.ContactID)
		status.Person.EmailMasked = cmp.Or(status.Person.EmailMasked, s.Invite.Email.Masked())
		if attempts {
			status.LastInvite.AttemptLog = attemptLog(s.Attempts)
		}
	}
	status.Person.Name = rules.NameOnly(status.Person.Name)
	words := wordsOf(status, s, now, catalog)
	status.Label, status.Sentence, status.Remedies = words.label, words.sentence(), words.remedies
	return status
}

// stateOf derives the state from the access. If the first mail of an access has not left, it is queued. If the access
// ended because its mail could not be delivered, no invite was sent.
func stateOf(s store.Status, now time.Time) State {
	if s.Access == nil {
		return NoInviteSent
	}
	if !s.EndedBy.IsZero() {
		return StateDeclined
	}
	switch s.Access.State {
	case rules.Active:
		return Active
	case rules.Removed:
		return Removed
	case rules.Invited:
		if s.Opener.State == store.Queued || s.Opener.State == store.Sending {
			return Queued
		}
	case rules.Expired:
		if s.Opener.State == store.Failed || s.Opener.State == store.Skipped {
			return NoInviteSent
		}
	}
	if s.Access.StateAt(now) == rules.Expired {
		return Expired
	}
	return Invited
}

func accessOf(s store.Status, now time.Time) *Access {
	access := &Access{
		State: s.Access.StateAt(now), Version: s.Access.Version, LoginMasked: rules.Email{Normal: s.Access.Email}.Masked(),
		InvitedAt: utc(s.Access.InvitedAt), MailedAt: utc(s.Access.MailedAt), ExpiresAt: utc(s.Access.ExpiresAt),
		Reminders: s.Reminders, RemindedAt: utc(s.RemindedAt),
	}
	switch s.Access.State {
	case rules.Active:
		access.LastLogin, access.Suspended = utc(s.LastLogin), s.Suspended
	case rules.Removed:
		access.RemovedAt, access.RemovedWhy = utc(s.RemovedAt), s.Access.Why
	case rules.Invited:
		access.Suspended = s.Suspended
	case rules.Expired:
	}
	if id, err := uuid.Parse(s.Access.InviteID); err == nil {
		access.InviteID = &id
	}
	return access
}

func lastInviteOf(s store.Status, catalog *wording.Catalog) *LastInvite {
	i := s.Invite
	last := &LastInvite{
		InviteID: i.ID, Revision: i.Revision, Kind: i.Kind, Lane: string(i.Lane), State: string(i.State),
		Cause:     events.Cause{Source: s.Cause.Source, ID: s.Cause.EventID, Type: events.Type(s.Cause.Type)},
		DecidedAt: utc(i.DecidedAt), SentAt: utc(i.SentAt), ExpiresAt: utc(i.ExpiresAt), Attempts: i.Attempt,
		NextAttempt: utc(i.NextAttempt), Held: i.Held(),
		Reason: i.Reason, Failure: failureOf(s, catalog),
	}
	if i.State == store.Skipped {
		last.Reasons = rules.InWords(i.Reasons, catalog)
	} else {
		last.Skipped = rules.InWords(i.Reasons, catalog)
	}
	if i.RunID.Valid {
		last.RunID = &i.RunID.UUID
	}
	if i.ReplayID.Valid {
		last.ReplayID = &i.ReplayID.UUID
	}
	for _, a := range s.Attempts {
		if a.Verdict == string(mail.Unknown) {
			last.UnknownAttempts++
		}
	}
	last.DeliveredAt = reportedAt(s, events.MailDelivered)
	last.DelayedAt = reportedAt(s, events.MailDelayed)
	last.ComplainedAt = reportedAt(s, events.MailComplained)
	return last
}

// reportedAt is when the present mail's first report of a kind says that it happened; zero if there is none.
func reportedAt(s store.Status, kind events.ReportKind) time.Time {
	for _, r := range s.Reports {
		if r.Kind == string(kind) {
			return utc(r.At)
		}
	}
	return time.Time{}
}

// failureOf describes the last attempt if the mail server did not accept the mail, or the report that it came back. If
// the invite has failed for good, the words are those of its outcome.
func failureOf(s store.Status, catalog *wording.Catalog) *Failure {
	if s.Invite.State == store.Sent || len(s.Attempts) == 0 {
		return nil
	}
	last := s.Attempts[len(s.Attempts)-1]
	for _, r := range s.Reports {
		if r.Failed {
			last.Attempt = ledger.Returned(r)
		}
	}
	if last.Verdict == "" || last.Verdict == string(mail.Delivered) {
		return nil
	}
	failure := &Failure{Stage: last.Stage, SMTPCode: last.SMTPCode, EnhancedCode: last.Enhanced}
	if s.Invite.State == store.Failed {
		failure.Explanation, failure.Remedy = ledger.FailureIn(catalog, last.Attempt, *s.Invite)
	}
	return failure
}

func attemptLog(attempts []store.AttemptTimes) []Attempt {
	log := make([]Attempt, len(attempts))
	for i, t := range attempts {
		log[i] = Attempt{
			Number: t.Number, StartedAt: utc(t.StartedAt), FinishedAt: utc(t.FinishedAt),
			Stage: t.Stage, SMTPCode: t.SMTPCode, EnhancedCode: t.Enhanced, Verdict: t.Verdict, Said: t.Said,
		}
	}
	return log
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
