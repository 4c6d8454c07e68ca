package pipeline

import (
	"testing"

	"portal-invites/internal/events"
)

func TestAnInviteGoesFromEventToMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "Dana@example.com")
	r.contact("lee", "Lee Ray", "")
	r.client("c1", "*dana", "lee")
	request := r.invite("c1", contact("dana"), contact("lee"), added("max@example.com", "Max"))

	got := map[string]outcome{}
	for _, o := range r.await(out, 3, events.InviteSent, events.InviteSkipped) {
		got[o.Recipient.ContactID] = o
	}
	sent := got["dana"]
	if sent.Type != events.InviteSent || sent.Cause.ID != request || sent.Recipient.EmailMasked != "d•••@example.com" || sent.Revision != 1 {
		t.Errorf("Dana: %+v", sent)
	}
	if skipped := got["lee"]; skipped.Reason != "email_missing" || skipped.Subject != "portal.outcomes.acme.InviteSkipped.email_missing" {
		t.Errorf("Lee: %+v", skipped)
	}
	if added := got[""]; added.Type != events.InviteSent || added.Recipient.EmailMasked != "m•••@example.com" {
		t.Errorf("Max: %+v", added)
	}
	if mails := r.mailbox.Messages(); len(mails) != 2 {
		t.Errorf("%d mails, want 2", len(mails))
	}
	r.settled()
}

func TestABulkRunInvitesPrimaryContactsOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.contact("sam", "Sam Ode", "DANA@example.com ")
	r.client("c1", "*dana", "lee") // Lee is not Primary
	r.client("c2", "lee")          // nobody is
	r.client("c3", "*sam")         // has Dana's email
	r.client("c4", "*dana")        // the same person on another client
	r.client("c5")                 // nobody there
	r.publish(events.BulkInviteRequested, bulkAll())

	completed := r.await(out, 1, events.RunCompleted)[0]
	want := map[string]int{"contact_not_primary": 1, "no_primary_contact": 1, "email_shared": 1, "client_has_no_contacts": 1}
	if completed.Selected != 6 || completed.Sent != 2 || completed.Skipped != 4 || completed.Pending != 0 || len(completed.ByReason) != len(want) {
		t.Errorf("completed: %+v", completed)
	}
	for reason, n := range want {
		if completed.ByReason[reason] != n {
			t.Errorf("by_reason[%s] = %d, want %d", reason, completed.ByReason[reason], n)
		}
	}
	r.settled()
	if mails := r.mailbox.Messages(); len(mails) != 2 {
		t.Errorf("%d mails, want 2", len(mails))
	}
}
