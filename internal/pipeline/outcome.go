package pipeline

import (
	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// What the outcome events of an invite say. Its revision has been counted up when they are made.

func aboutInvite(request store.Request, i store.Invite) events.About {
	return events.About{
		FirmID: i.FirmID, InviteID: i.ID, Revision: i.Revision, Kind: i.Kind, Lane: string(i.Lane), ClientID: i.ClientID,
		Recipient: events.OutcomePerson{ContactID: contactOf(i), EmailMasked: i.Email.Masked()},
		Cause:     causeOf(request),
		RunID:     orNil(i.RunID), ReplayID: orNil(i.ReplayID),
		DecidedAt: i.DecidedAt,
	}
}

// contactOf is the contact an invite turned out to be for, also where the request named an email.
func contactOf(i store.Invite) string {
	if id := i.Person.ContactID(); id != "" {
		return id
	}
	return i.ContactID
}

func causeOf(r store.Request) events.Cause {
	return events.Cause{Source: r.Source, ID: r.EventID, Type: events.Type(r.Type)}
}

func traceOf(r store.Request) events.Trace {
	return events.Trace{Parent: r.TraceParent, State: r.TraceState}
}

func orNil(id uuid.NullUUID) *uuid.UUID {
	if !id.Valid {
		return nil
	}
	return &id.UUID
}

func (l *ledger) tellSkipped(request store.Request, i store.Invite) error {
	about := aboutInvite(request, i)
	data := events.Skipped{About: about, Reason: i.Reason, Reasons: i.Reasons}
	return l.tell(events.InviteOutcome(events.InviteSkipped, about, i.Reason, data, traceOf(request)))
}

func (l *ledger) tellSent(request store.Request, i store.Invite, messageID string) error {
	about := aboutInvite(request, i)
	data := events.Sent{About: about, MessageID: messageID, Attempt: i.Attempt, SentAt: i.SentAt, ExpiresAt: i.ExpiresAt}
	return l.tell(events.InviteOutcome(events.InviteSent, about, "", data, traceOf(request)))
}

func (l *ledger) tellFailed(request store.Request, i store.Invite, a store.Attempt, explanation, remedy string) error {
	about := aboutInvite(request, i)
	data := events.Failed{
		About: about, Stage: a.Stage, SMTPCode: a.SMTPCode, EnhancedCode: a.Enhanced,
		Explanation: explanation, Remedy: remedy,
	}
	return l.tell(events.InviteOutcome(events.InviteFailed, about, "", data, traceOf(request)))
}
