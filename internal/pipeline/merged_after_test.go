package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// The firm's reminder goes to the contact that stays, and its link opens what the old contact was invited to.
func TestAReminderAfterAMerge(t *testing.T) {
	t.Parallel()
	r, w := mergeScene(t)
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.Invite("c1", testkit.Contact("a"))
	r.Settled()
	r.UpsertContact("b", "Dana C. Wu", "dana@wu.example")
	r.merge("b", "a")
	r.Settled()
	r.Exec(`UPDATE access SET mailed_at = mailed_at - interval '73 hours'`)
	testenv.Eventually(t, time.Minute, func() error {
		if n := len(r.Mailbox.Messages()); n != 2 {
			return fmt.Errorf("%d mails, want the invite and a reminder", n)
		}
		return nil
	})
	r.Settled()
	r.linkIs(w, r.linkOf("dana@wu.example"), answer.LinkOpened)
	for _, o := range r.Published(events.InviteSent) {
		if o.Kind == "resend" && o.Recipient.ContactID != "b" {
			t.Errorf("the reminder: %s, want one to b", o.Raw)
		}
	}
}

// The mail of the old contact comes back after the merge. The access that it began ends, at the contact that stays.
func TestALateReportAfterAMerge(t *testing.T) {
	t.Parallel()
	r, _ := mergeScene(t)
	r.Invite("c1", testkit.Contact("a"))
	r.Settled()
	sent := r.Newest()["c1/a"]
	r.merge("b", "a")
	r.Settled()
	r.comesBack(sent, "dana@wu.example")
	r.Settled()
	if got := r.accesses(); got != "c1 contact:b expired" {
		t.Errorf("access is %s, want that of b, expired", got)
	}
	if failed := r.Published(events.InviteFailed); len(failed) != 1 || failed[0].InviteID != sent.InviteID {
		t.Errorf("failed: %+v, want the invite of a", failed)
	}
	if got := r.blocked("dana@wu.example"); got != "bounce" {
		t.Errorf("the email is blocked for %q, want bounce", got)
	}
}

// The old contact was skipped. A replay after the merge sends that invite to the contact that stays, once.
func TestAReplayAfterAMerge(t *testing.T) {
	t.Parallel()
	r, w := mergeScene(t)
	r.UpsertContact("a", "Dana Wu", "")
	r.Invite("c1", testkit.Contact("a"))
	r.Settled()
	skipped := r.Newest()["c1/a"]
	if skipped.Reason != "email_missing" {
		t.Fatalf("the invite of a: %s", skipped.Raw)
	}
	r.merge("b", "a")
	for range 2 {
		r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
		r.Settled()
	}
	sent := r.Published(events.InviteSent)
	if len(sent) != 1 || sent[0].InviteID != skipped.InviteID || sent[0].Recipient.ContactID != "b" ||
		sent[0].Revision != 2 {
		t.Errorf("sent: %+v, want the invite of a, to b", sent)
	}
	r.linkIs(w, r.linkOf("dana@wu.example"), answer.LinkOpened)
}

// A new email under the old id ends the pending access of the contact that stays. The outcome names that fact.
func TestANewEmailUnderAnOldIDIsTheCause(t *testing.T) {
	t.Parallel()
	r, _ := mergeScene(t)
	r.Invite("c1", testkit.Contact("a"))
	r.merge("b", "a")
	r.Settled()
	id := r.Publish(events.ContactUpserted, testkit.ContactData("a", "Dana Wu", "new@wu.example"))
	r.Settled()
	removed := r.Published(events.RemovedAccess)
	if len(removed) != 1 || removed[0].Cause.ID != id || removed[0].Recipient.ContactID != "b" {
		t.Errorf("removed: %+v, want the access of b, by %s", removed, id)
	}
}

// A run skips two contacts, who turn out to be one person. They are merged and put right. A replay mails them once.
func TestAReplayOfARunThatNamesOnePersonTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertContact("a", "Dana Wu", "no address")
	r.UpsertContact("b", "Dana C. Wu", "no address")
	r.UpsertClient("c1", "*a", "*b")
	run := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	if o := r.Completed(run); o.ByReason["email_invalid"] != 2 {
		t.Fatalf("the run: %s", o.Raw)
	}
	r.merge("b", "a")
	r.UpsertContact("b", "Dana C. Wu", "dana@wu.example")
	replay := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	if o := r.Completed(replay); o.Sent != 1 || o.Skipped != 1 || o.ByReason["duplicate_recipient"] != 1 {
		t.Errorf("the replay: %s, want one mail, and one skipped as duplicate_recipient", o.Raw)
	}
	if n := len(r.Mailbox.Messages()); n != 1 {
		t.Errorf("%d mails, want one", n)
	}
}
