package ledger

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// These functions make the outcome events of an invite. Its revision is increased before that.

// report puts an outcome event into the outbox.
func (t *Tx) report(e events.Outgoing) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", e.Type, err)
	}
	t.outbox = append(t.outbox, store.Outbound{
		Subject: e.Subject, Type: string(e.Type), EventID: e.ID, Time: e.Time, About: e.About,
		TraceParent: e.Trace.Parent, TraceState: e.Trace.State, Data: data,
	})
	return nil
}

func (t *Tx) reportSkipped(request store.Request, i store.Invite, warnings []rules.Warning) error {
	about := aboutInvite(request, i)
	data := events.Skipped{About: about, Reason: i.Reason, Reasons: i.Reasons, Warned: events.Warned{Warnings: warnings}}
	return t.report(events.InviteOutcome(events.InviteSkipped, about, i.Reason, data, traceOf(request)))
}

func (t *Tx) reportSent(request store.Request, i store.Invite, messageID string, warnings []rules.Warning) error {
	about := aboutInvite(request, i)
	despite, err := isDespiteDecline(request)
	if err != nil {
		return err
	}
	data := events.Sent{
		About: about, MessageID: messageID, Attempt: i.Attempt, SentAt: i.SentAt, ExpiresAt: i.ExpiresAt,
		DespiteDecline: despite, Warned: events.Warned{Warnings: warnings},
	}
	return t.report(events.InviteOutcome(events.InviteSent, about, "", data, traceOf(request)))
}

func (t *Tx) reportFailed(request store.Request, i store.Invite, a store.Attempt, warnings []rules.Warning) error {
	about := aboutInvite(request, i)
	explanation, remedy := FailureWords(a, i)
	data := events.Failed{
		About: about, Stage: a.Stage, SMTPCode: a.SMTPCode, EnhancedCode: a.Enhanced,
		Explanation: explanation, Remedy: remedy, Warned: events.Warned{Warnings: warnings},
	}
	return t.report(events.InviteOutcome(events.InviteFailed, about, "", data, traceOf(request)))
}

func aboutInvite(request store.Request, i store.Invite) events.About {
	return events.About{
		FirmID: i.FirmID, InviteID: i.ID, Revision: i.Revision, Kind: i.Kind, Lane: string(i.Lane), ClientID: i.ClientID,
		Recipient: events.OutcomePerson{ContactID: ContactOf(i), EmailMasked: i.Email.Masked()},
		Cause:     causeOf(request),
		RunID:     orNil(i.RunID), ReplayID: orNil(i.ReplayID),
		DecidedAt: i.DecidedAt,
	}
}

// ContactOf is the contact that an invite is for, also if the request named the contact's email; "" for a person who
// was added by email.
func ContactOf(i store.Invite) string {
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
