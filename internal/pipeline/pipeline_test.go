package pipeline_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

func TestAnInviteGoesFromEventToMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "Dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "")
	r.UpsertClient("c1", "*dana", "lee")
	request := r.Invite("c1", testkit.Contact("dana"), testkit.Contact("lee"), testkit.Added("max@example.com", "Max"))

	got := map[string]testkit.Outcome{}
	for _, o := range r.Await(out, 3, events.InviteSent, events.InviteSkipped) {
		got[o.Recipient.ContactID] = o
	}
	sent := got["dana"]
	if sent.Type != events.InviteSent || sent.Cause.ID != request || sent.Recipient.EmailMasked != "d•••@example.com" ||
		sent.Revision != 1 {
		t.Errorf("Dana: %+v", sent)
	}
	if skipped := got["lee"]; skipped.Reason != "email_missing" ||
		skipped.Subject != "portal.outcomes.acme.InviteSkipped.email_missing" {
		t.Errorf("Lee: %+v", skipped)
	}
	if added := got[""]; added.Type != events.InviteSent || added.Recipient.EmailMasked != "m•••@example.com" {
		t.Errorf("Max: %+v", added)
	}
	if mails := r.Mailbox.Messages(); len(mails) != 2 {
		t.Errorf("%d mails, want 2", len(mails))
	}
	r.Settled()
}

func TestABulkRunInvitesPrimaryContactsOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertContact("sam", "Sam Ode", "DANA@example.com ")
	r.UpsertClient("c1", "*dana", "lee") // Lee is not Primary
	r.UpsertClient("c2", "lee")          // nobody is Primary
	r.UpsertClient("c3", "*sam")         // has Dana's email
	r.UpsertClient("c4", "*dana")        // the same person on another client
	r.UpsertClient("c5")                 // no contacts
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())

	completed := r.Await(out, 1, events.RunCompleted)[0]
	want := map[string]int{"contact_not_primary": 1, "no_primary_contact": 1, "email_shared": 1,
		"client_has_no_contacts": 1}
	if completed.Selected != 6 || completed.Sent != 2 || completed.Skipped != 4 || completed.Pending != 0 ||
		len(completed.ByReason) != len(want) {
		t.Errorf("completed: %+v", completed)
	}
	for reason, n := range want {
		if completed.ByReason[reason] != n {
			t.Errorf("by_reason[%s] = %d, want %d", reason, completed.ByReason[reason], n)
		}
	}
	r.Settled()
	if mails := r.Mailbox.Messages(); len(mails) != 2 {
		t.Errorf("%d mails, want 2", len(mails))
	}
}
