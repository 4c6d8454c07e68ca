package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

var (
	march2  = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	april1  = time.Date(2026, 4, 1, 15, 0, 0, 0, time.UTC)
	someday = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

// dana is a stored status: invited on March 2, with an invite of the given state.
func dana(access rules.AccessState, invite store.State, change ...func(*store.Status)) store.Status {
	s := store.Status{
		ClientID: "c1", ClientName: "Blue Bottle LLC", Person: "contact:dana", Name: "Dana Wu",
		Email: rules.Email{Written: "dana@example.com", Normal: "dana@example.com"},
		Access: &rules.Access{State: access, Email: "dana@example.com", InvitedAt: march2, MailedAt: march2,
			ExpiresAt: april1},
		Opener: store.Opener{State: invite},
		Invite: &store.Invite{ID: uuid.New(), Kind: rules.Invite, State: invite, DecidedAt: march2, ExpiresAt: april1,
			NextAttempt: someday},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func reasons(list ...rules.Reason) func(*store.Status) {
	return func(s *store.Status) { s.Invite.Reason, s.Invite.Reasons = list[0].Code, list }
}

func tried(attempts ...store.Attempt) func(*store.Status) {
	return func(s *store.Status) {
		for _, a := range attempts {
			s.Attempts = append(s.Attempts, store.AttemptTimes{Attempt: a})
		}
	}
}

func suspended(why rules.Suspension) func(*store.Status) {
	return func(s *store.Status) { s.Suspended, s.LastLogin = why, march2 }
}

func resend(s *store.Status) { s.Invite.Kind, s.Opener.State = rules.Resend, store.Sent }

func TestStatusInWords(t *testing.T) {
	t.Parallel()
	const invitedOnMarch2 = "Dana Wu was invited to the portal of Blue Bottle LLC on March 2, 2026 " +
		"and has not logged in yet. The invite went to d•••@example.com and is valid until April 1, 2026."
	tooSoon := rules.Reason{
		Code: rules.ResendTooSoon, Explanation: "A moment ago.", Remedy: "Wait until 12:10 UTC.",
		RetryAt: someday.Add(time.Minute),
	}
	over := tooSoon
	over.RetryAt = someday
	noEmail := rules.Reason{
		Code: rules.EmailMissing, Explanation: "Dana Wu has no email address.", Remedy: "Add an email to Dana Wu.",
	}
	notPrimary := rules.Reason{
		Code: rules.ContactNotPrimary, Explanation: "Dana Wu is not Primary.", Remedy: "Mark Dana Wu as Primary.",
	}
	changed := rules.Reason{
		Code: rules.EmailChanged, Explanation: "The email has changed.", Remedy: "Remove, then invite.",
	}

	for name, c := range map[string]struct {
		stored store.Status
		label  string
		text   string
	}{
		"expired, but not marked so yet": {
			dana(rules.Invited, store.Sent, func(s *store.Status) { s.Access.ExpiresAt = march2 }),
			"invite expired on March 2, 2026",
			"The invite of Dana Wu to the portal of Blue Bottle LLC expired on March 2, 2026; they had not logged in. " +
				"→ Send a new invite.",
		},
		"deferred": {
			dana(rules.Invited, store.Queued, tried(store.Attempt{Verdict: "retry", Stage: "rcpt", SMTPCode: 451})),
			"invite waiting to be sent",
			"An invite for Dana Wu to the portal of Blue Bottle LLC was asked for on March 2, 2026 and is waiting to be sent. " +
				"The mail server has not taken it yet (it answered 451); it is tried again by itself.",
		},
		"a reminder waits": {
			dana(rules.Invited, store.Queued, resend),
			"invited on March 2, 2026",
			invitedOnMarch2 + " A reminder is waiting to be sent.",
		},
		"a reminder may have arrived": {
			dana(rules.Invited, store.Sending, resend, tried(store.Attempt{Verdict: "unknown"}, store.Attempt{})),
			"invited on March 2, 2026",
			invitedOnMarch2 + " A reminder is waiting to be sent. The mail may have arrived already: " +
				"the connection to the mail server was lost before it answered. " +
				"It is sent once more, with the same link, so it may arrive twice.",
		},
		"failed, and may have arrived": {
			dana(rules.Expired, store.Failed, tried(store.Attempt{Verdict: "unknown", Stage: "body"},
				store.Attempt{Verdict: "refused", Stage: "message", Said: "no portal"})),
			"no invite sent",
			"No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. " +
				"The mail of March 2, 2026 could not be delivered: The mail could not be built: no portal. " +
				"It may have arrived all the same: the connection to the mail server was lost before it answered. " +
				"→ Correct what the explanation names, then replay.",
		},
		"every reason": {
			dana(rules.Removed, store.Skipped,
				func(s *store.Status) { s.RemovedAt = march2 }, reasons(notPrimary, noEmail)),
			"access removed on March 2, 2026",
			"The access of Dana Wu to the portal of Blue Bottle LLC was removed on March 2, 2026. " +
				"The last request, of March 2, 2026, was not sent: " +
				"Dana Wu is not Primary. Besides: Dana Wu has no email address. " +
				"→ Mark Dana Wu as Primary. → Add an email to Dana Wu.",
		},
		"active, and the client is archived": {
			dana(rules.Active, store.Sent, suspended(rules.ClientArchived)),
			"last login on March 2, 2026",
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026. " +
				"Blue Bottle LLC is archived, so the portal does not open for now. " +
				"→ Make Blue Bottle LLC active again, or remove the portal access of Dana Wu.",
		},
		"invited, the client is archived, and a resend was skipped for it": {
			dana(rules.Invited, store.Skipped, resend, suspended(rules.ClientArchived), reasons(rules.Reason{
				Code: rules.ClientInactive, Explanation: "It is archived.", Remedy: "Make it active."})),
			"invited on March 2, 2026",
			invitedOnMarch2 + " Blue Bottle LLC is archived, so the portal does not open for now. " +
				"→ Make Blue Bottle LLC active again, or remove the portal access of Dana Wu.",
		},
		"active, and off the client's list": {
			dana(rules.Active, store.Sent, suspended(rules.NotOnClient)),
			"last login on March 2, 2026",
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026. " +
				"They are no longer a contact of Blue Bottle LLC, so the portal does not open for them. " +
				"→ Remove the portal access of Dana Wu, or add them to the contacts of Blue Bottle LLC again.",
		},
		"ended, because the contact has left": {
			dana(rules.Removed, store.Sent, func(s *store.Status) { s.RemovedAt, s.Access.Why = march2, rules.ByLeaving }),
			"access removed on March 2, 2026",
			"The invite of Dana Wu to the portal of Blue Bottle LLC ended on March 2, 2026, because they were taken off the " +
				"client's contacts. " +
				"→ If they should have access, add them to the contacts of Blue Bottle LLC again, then invite them.",
		},
		"ended, because the email has changed": {
			dana(rules.Removed, store.Sent, func(s *store.Status) { s.RemovedAt, s.Access.Why = march2, rules.ByEmailChange }),
			"access removed on March 2, 2026",
			"The invite of Dana Wu to the portal of Blue Bottle LLC ended on March 2, 2026, because their email was changed " +
				"before they had logged in. → Send a new invite. It goes to the new email.",
		},
		"too soon": {
			dana(rules.Invited, store.Skipped, resend, reasons(tooSoon)),
			"invited on March 2, 2026",
			invitedOnMarch2 + " The last request, of March 2, 2026, was not sent: A moment ago. → Wait until 12:10 UTC.",
		},
		"was too soon": {
			dana(rules.Invited, store.Skipped, resend, reasons(over)),
			"invited on March 2, 2026",
			invitedOnMarch2,
		},
		"implied by the state": {
			dana(rules.Invited, store.Skipped, resend, reasons(rules.Reason{Code: rules.AlreadyInvited})),
			"invited on March 2, 2026",
			invitedOnMarch2,
		},
		"another email, said once": {
			dana(rules.Invited, store.Skipped, resend,
				reasons(changed), func(s *store.Status) { s.Email.Normal = "wu@example.com" }),
			"invited on March 2, 2026",
			invitedOnMarch2 + " Their email has changed since. " +
				"→ Remove the portal access of Dana Wu, then invite them at w•••@example.com.",
		},
		"granted, without a login of their own": {
			dana(rules.Active, store.Sent, func(s *store.Status) { s.Access.Email, s.LastLogin = "", march2 }),
			"last login on March 2, 2026",
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026.",
		},
		"in California": {
			dana(rules.Invited, store.Sent, func(s *store.Status) {
				s.TimeZone, s.Access.InvitedAt = "America/Los_Angeles", time.Date(2026, 3, 2, 7, 59, 0, 0, time.UTC)
				s.Access.ExpiresAt = time.Date(2026, 3, 11, 3, 8, 0, 0, time.UTC)
			}),
			"invited on March 1, 2026",
			"Dana Wu was invited to the portal of Blue Bottle LLC on March 1, 2026 and has not logged in yet. " +
				"The invite went to d•••@example.com and is valid until March 10, 2026, 8:08 PM PDT.",
		},
		"names that are emails": {
			dana(rules.Invited, store.Queued,
				func(s *store.Status) { s.Name, s.ClientName = "dana@example.com", "bob@example.com" }),
			"invite waiting to be sent",
			"An invite for d•••@example.com to the portal of b•••@example.com was asked for on March 2, 2026 " +
				"and is waiting to be sent.",
		},
		"the client itself": {
			store.Status{ClientID: "c9", Invite: &store.Invite{State: store.Skipped, DecidedAt: march2}},
			"no invite sent",
			"Nobody has been invited to the portal of client c9.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := statusOf(c.stored, nil, someday, true)
			text := strings.Join(append([]string{status.Sentence}, status.Remedies...), " → ")
			if status.Label != c.label || text != c.text {
				t.Errorf("says %q:\n%s\nwant %q:\n%s", status.Label, text, c.label, c.text)
			}
		})
	}
}
