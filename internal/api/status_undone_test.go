package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
	"portal-invites/internal/wording"
)

func TestStatusSaysWhatHasBeenPutRight(t *testing.T) {
	t.Parallel()
	const skipped = "No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. " +
		"The last request, of March 2, 2026, was not sent: "
	noEmail := rules.Reason{
		Code: rules.EmailMissing, Explanation: "Dana Wu has no email address.", Remedy: "Add an email to Dana Wu.",
	}
	notPrimary := rules.Reason{
		Code: rules.ContactNotPrimary, Explanation: "Dana Wu is not Primary.", Remedy: "Mark Dana Wu as Primary.",
	}
	blocked := rules.Reason{Code: rules.EmailSuppressed, Explanation: "Mail is stopped.", Remedy: "Lift the block."}
	never := func(s *store.Status) { s.Access = nil }
	noMailbox := tried(store.Attempt{Verdict: "refused", Stage: "rcpt", SMTPCode: 550, Enhanced: "5.1.1"})
	badWords := tried(store.Attempt{Verdict: "refused", Stage: "body", SMTPCode: 554, Enhanced: "5.7.1"})
	now := func(reasons ...rules.Reason) answer.Again {
		return answer.Again{Decision: rules.Decision{Reasons: reasons}}
	}
	for name, c := range map[string]struct {
		stored store.Status
		again  answer.Again
		text   string
	}{
		"nothing": {
			dana("", store.Skipped, never, reasons(noEmail)), now(noEmail),
			skipped + "Dana Wu has no email address. → Add an email to Dana Wu.",
		},
		"all of it": {
			dana("", store.Skipped, never, reasons(notPrimary, noEmail)), now(),
			skipped + "Dana Wu is not Primary. That has been put right since. Besides: Dana Wu has no email address. " +
				"That has been put right since. It would be sent now. → Replay, or invite again.",
		},
		"one of two": {
			dana("", store.Skipped, never, reasons(notPrimary, noEmail)), now(noEmail),
			skipped + "Dana Wu is not Primary. That has been put right since. Besides: Dana Wu has no email address. " +
				"→ Add an email to Dana Wu.",
		},
		"the reason is another one": {
			dana("", store.Skipped, never, reasons(noEmail)), now(blocked),
			skipped + "Dana Wu has no email address. That has been put right since. " +
				"By now there is another reason: Mail is stopped. → Lift the block.",
		},
		"too late for a replay": {
			dana("", store.Skipped, never, reasons(noEmail)), answer.Again{TooOld: true},
			skipped + "Dana Wu has no email address. That has been put right since. " +
				"It would be sent now, but a replay leaves out a request from so long ago. → To send it now, invite again.",
		},
		"granted access since": {
			dana(rules.Active, store.Skipped, func(s *store.Status) { s.LastLogin = march2 }, reasons(noEmail)),
			now(rules.Reason{Code: rules.AlreadyHasAccess}),
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026. " +
				"The last request, of March 2, 2026, was not sent: Dana Wu has no email address. " +
				"That has been put right since.",
		},
		"another address": {
			dana(rules.Expired, store.Failed, noMailbox), now(),
			"No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. The mail of March 2, 2026 could not be " +
				"delivered: The mail server says that •••@example.com gets no mail (550 5.1.1). No more is sent there. " +
				"That has been put right since. It would be sent now. → Replay, or invite again.",
		},
		"the address is still blocked": {
			dana(rules.Expired, store.Failed, noMailbox), now(blocked),
			"No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. The mail of March 2, 2026 could not be " +
				"delivered: The mail server says that •••@example.com gets no mail (550 5.1.1). No more is sent there. " +
				"→ Ask dana for a working address and enter it, or lift the block on this one; then replay.",
		},
		"what nobody can know": {
			dana(rules.Expired, store.Failed, badWords), now(),
			"No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. The mail of March 2, 2026 could not be " +
				"delivered: The mail server refused the mail to •••@example.com (554 5.7.1). " +
				"→ See to what the mail server objects to, then replay.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.stored.Invite.Name, c.stored.Invite.Email = "dana", rules.Email{Normal: "@example.com"}
			again := map[uuid.UUID]answer.Again{c.stored.Invite.ID: c.again}
			status := statusOf(c.stored, again, postponement{}, someday, false, wording.English())
			text := strings.Join(append([]string{status.Sentence}, status.Remedies...), " → ")
			if text != c.text {
				t.Errorf("says\n%s\nwant\n%s", text, c.text)
			}
		})
	}
}

// The office does what a status says. After that, the status says what is left to do.
func TestStatusAfterTheFix(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.contact("dana", "Dana Wu", "")
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.expectRemedy("Add an email to Dana Wu.")
	r.contact("dana", "Dana Wu", "wu@example.com")
	s := r.expectStatus(NoInviteSent, "was not sent: Dana Wu has no email address. That has been put right since.")
	r.expectRemedy("Replay, or invite again.")
	if s.LastInvite.Now == nil || !s.LastInvite.Now.WouldSend || s.LastInvite.Reason != "email_missing" {
		t.Errorf("the last invite: %+v", s.LastInvite)
	}
	r.publish(acme, events.ReplayRequested, testkit.Replay(object{}))
	s = r.expectStatus(Invited, "It was skipped first: Dana Wu has no email address. That has been put right since.")
	if len(s.Remedies) != 0 || s.LastInvite.Now != nil || s.LastInvite.Reasons != nil || len(s.LastInvite.Skipped) != 1 {
		t.Errorf("after the replay: %q %+v", s.Remedies, s.LastInvite)
	}
}

// A skip is on record, also where no fact knows the client or the firm, or where the client does not list the person.
func TestStatusOfAClientShowsSkipsOfUnlistedPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	email := object{"email": "guest@example.com", "name": "Gus Guest"}
	r.publish(acme, events.EmailSuppressed, object{"email": "guest@example.com", "cause": "manual"})
	r.publish(acme, events.InviteRequested, named("nope", "dana"))
	r.publish(acme, events.InviteRequested, testkit.InviteData("c1", email))
	r.publish(acme, events.BulkInviteRequested, bulkOf("c4"))
	r.publish("new-firm", events.InviteRequested, named("c1", "dana"))
	r.settled()
	for _, c := range []struct{ firm, client, person, sentence, remedy string }{
		{acme, "nope", "dana", `There is no client "nope" at this firm; it may have been deleted.`,
			"Check the client's id, or restore the client, then invite again."},
		{acme, "c1", "", "Mail to g•••@example.com is stopped: the address was blocked by hand.",
			"Ask Gus Guest for a working address and enter it, or lift the block on this one."},
		{acme, "c4", "", "Nobody has been invited to the portal of Client c4.",
			"Add a contact with an email to Client c4 and mark it as Primary."},
		{"new-firm", "c1", "dana", `Nothing is known of the firm "new-firm" yet`,
			"Publish the firm's settings (FirmUpserted), then replay."},
	} {
		answer, err := r.client.Status(r.ctx, c.firm, StatusRequest{ClientID: c.client})
		r.must(err)
		found := slices.ContainsFunc(answer.Statuses, func(s Status) bool {
			return s.Person.ContactID == c.person && strings.Contains(s.Sentence, c.sentence) &&
				slices.Contains(s.Remedies, c.remedy)
		})
		if !found {
			t.Errorf("nobody on %s of %s has %q and %q: %+v", c.client, c.firm, c.sentence, c.remedy, answer.Statuses)
		}
	}

	// Once the client has a contact, its status is about people.
	r.clientRecord("c4", "*lee")
	r.settled()
	answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c4"})
	r.must(err)
	if len(answer.Statuses) != 1 || answer.Statuses[0].Person.ContactID != "lee" {
		t.Errorf("a client with a contact: %+v", answer.Statuses)
	}
}

func (r *rig) expectRemedy(want string) {
	r.t.Helper()
	if s := r.expectStatus(NoInviteSent); len(s.Remedies) != 1 || s.Remedies[0] != want {
		r.t.Errorf("the remedies are %q, want %q", s.Remedies, want)
	}
}
