package pipeline

import (
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

func TestRemovedAccessIsToldOnceAndCanBeGivenAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.client("c1", "*dana")
	r.invite("c1", contact("dana"))
	r.await(out, 1, events.InviteSent)

	removal := r.publish(events.AccessRemovalRequested, inviteData("c1", contact("dana")))
	removed := r.await(out, 1, events.RemovedAccess)[0]
	if removed.Cause.ID != removal || removed.Recipient.ContactID != "dana" {
		t.Errorf("removed: %+v", removed)
	}
	r.contact("dana", "Dana Wu", "dana@new.example")
	r.invite("c1", contact("dana"))
	if sent := r.await(out, 1, events.InviteSent)[0]; sent.Recipient.EmailMasked != "d•••@new.example" {
		t.Errorf("invited anew: %+v", sent)
	}
	// The old removal comes again: it must not end the access given since.
	r.publishAs(removal, events.AccessRemovalRequested, inviteData("c1", contact("dana")))
	r.settled()
	if state := query[string](r, `SELECT state FROM access`); state != "invited" {
		t.Errorf("access is %s after the old removal came again, want invited", state)
	}
	if size := r.streamSize(events.OutcomesStream); size != 3 {
		t.Errorf("%d outcomes, want 3", size)
	}
	// Access that is granted after a removal, by whoever else, does not bring the link back that was taken away.
	r.publish(events.AccessRemovalRequested, inviteData("c1", contact("dana")))
	r.await(out, 1, events.RemovedAccess)
	r.publish(events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.settled()
	if active := query[int](r, `SELECT count(*) FROM access WHERE state = 'active' AND invite_id IS NULL`); active != 1 {
		t.Error("the access granted after a removal has the removed link, or is not active")
	}
}

func TestAnInviteExpiresByItselfOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.config()
	cfg.Policy.InviteTTL = time.Second
	r.start(NewInviteWorker(cfg))
	r.start(NewInviteWorker(cfg))
	r.start(NewBulkWorker(cfg))
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("sam", "Sam Ode", "dana@example.com")
	r.client("c1", "*dana", "sam")
	r.invite("c1", contact("dana"))
	expired := r.await(out, 1, events.InviteExpired)[0]
	if expired.Recipient.ContactID != "dana" {
		t.Errorf("expired: %+v", expired)
	}
	r.invite("c1", contact("sam")) // the login is free
	r.await(out, 1, events.InviteSent)
	r.await(out, 1, events.InviteExpired)
	if size := r.streamSize(events.OutcomesStream); size != 4 {
		t.Errorf("%d outcomes, want 2 sent and 2 expired", size)
	}
}

func TestWhoeverLogsInHasAcceptedTheInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.client("c1", "*dana", "lee")
	r.invite("c1", contact("dana"))
	r.await(out, 1, events.InviteSent)
	grant := object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()}
	r.publish(events.PortalAccessGranted, grant)
	r.publish(events.PortalAccessGranted, grant)
	r.publish(events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "lee", "granted_at": time.Now()}) // nobody here invited Lee
	if accepted := r.await(out, 1, events.InviteAccepted)[0]; accepted.Recipient.ContactID != "dana" {
		t.Errorf("accepted: %+v", accepted)
	}
	r.publish(events.ContactRemoved, object{"contact_id": "dana"})
	if removed := r.await(out, 1, events.RemovedAccess)[0]; removed.Recipient.ContactID != "dana" || removed.Cause.Type != "ContactRemoved" {
		t.Errorf("removed: %+v", removed)
	}
	r.publish(events.ClientRemoved, object{"client_id": "c1"})
	if removed := r.await(out, 1, events.RemovedAccess)[0]; removed.Recipient.ContactID != "lee" || removed.Cause.Type != "ClientRemoved" {
		t.Errorf("removed: %+v", removed)
	}
	r.settled()
	if size := r.streamSize(events.OutcomesStream); size != 4 {
		t.Errorf("%d outcomes, want sent, accepted and two removed", size)
	}
}

func TestAReplayInvitesThoseWhoWereFixedAndNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.firm()
	for _, id := range []string{"a", "b", "c"} {
		r.contact(id, "Contact "+id, "")
		r.client("c-"+id, "*"+id)
	}
	r.contact("d", "Contact d", "d@example.com")
	r.client("c-d", "d") // not Primary: bulk skips, an individual request does not
	r.publish(events.BulkInviteRequested, bulkAll())
	r.await(out, 1, events.RunCompleted)
	r.invite("c-a", contact("a"))
	r.await(out, 1, events.InviteSkipped)
	r.settled()

	r.contact("b", "Contact b", "b@example.com")
	r.contact("c", "Contact c", "c@example.com")
	replay := object{"requested_by": "Ops", "filter": object{"reasons": []string{"email_missing"}, "client_ids": []string{"c-a", "c-b"}}}
	id := r.publish(events.ReplayRequested, replay)
	completed := r.await(out, 1, events.RunCompleted)[0]
	if completed.Cause.ID != id || completed.Selected != 3 || completed.Sent != 1 || completed.Skipped != 2 || completed.ByReason["email_missing"] != 2 {
		t.Errorf("the replay completed: %+v", completed)
	}
	r.settled()
	mails := len(r.mailbox.Messages())
	if mails != 1 {
		t.Errorf("%d mails, want b's alone", mails)
	}
	outcomes := r.streamSize(events.OutcomesStream)
	r.publishAs(id, events.ReplayRequested, replay) // delivered again: it is done with
	r.settled()
	if again := r.streamSize(events.OutcomesStream); again != outcomes {
		t.Errorf("%d outcomes after the replay came again, want %d", again, outcomes)
	}
}

func TestAResendEndsTheOldLinkWhenItLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.config()
	cfg.Policy.ResendCooldown = time.Minute
	r.start(NewInviteWorker(cfg))
	r.start(NewBulkWorker(cfg))
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.client("c1", "*dana", "*lee")
	r.publish(events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "lee", "granted_at": time.Now()})
	r.invite("c1", contact("dana"))
	first := r.await(out, 1, events.InviteSent)[0]
	link := func() string {
		return query[string](r, `SELECT coalesce(invite_id::text, 'none') FROM access WHERE person = 'contact:dana'`)
	}

	r.publish(events.InviteResendRequested, inviteData("c1", contact("dana")))
	if skipped := r.await(out, 1, events.InviteSkipped)[0]; skipped.Reason != "resend_too_soon" {
		t.Errorf("a resend at once: %+v", skipped)
	}
	if link() != first.InviteID {
		t.Errorf("the link is %s's, want the first invite's", link())
	}
	r.age("UPDATE access SET mailed_at = mailed_at - interval '2 minutes'")
	r.publish(events.BulkInviteRequested, object{"mode": "resend", "requested_by": "Lee", "selection": object{"all_clients": true}})
	resent := map[string]outcome{}
	for _, o := range r.await(out, 2, events.InviteSent) {
		resent[o.Recipient.ContactID] = o
	}
	r.settled()
	if link() != resent["dana"].InviteID {
		t.Errorf("the link is %s's, want the resend's", link())
	}
	if resent["lee"].InviteID == "" {
		t.Error("Lee, who has logged in, got no reminder")
	}
	if state := query[string](r, `SELECT state FROM access WHERE person = 'contact:lee'`); state != "active" {
		t.Errorf("Lee's access is %s after a reminder, want active", state)
	}
}

func TestAFirmThatWantsItRemindsTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.publish(events.FirmUpserted, with(firmData(), "reminder_after", "72h"))
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.client("c1", "*dana")
	r.invite("c1", contact("dana"))
	r.await(out, 1, events.InviteSent)
	for number := 1; number <= 2; number++ {
		r.age("UPDATE access SET mailed_at = mailed_at - interval '73 hours', reminded_at = reminded_at - interval '73 hours'")
		if sent := r.await(out, 1, events.InviteSent)[0]; sent.Cause.Source != events.OutcomeSource || sent.Cause.Type != "InviteResendRequested" {
			t.Errorf("reminder %d: %+v", number, sent)
		}
		r.settled()
	}
	r.age("UPDATE access SET mailed_at = mailed_at - interval '73 hours', reminded_at = reminded_at - interval '73 hours'")
	w := NewInviteWorker(r.config())
	for range 2 { // a third one is never due
		r.must(r.store.Tx(r.ctx, func(tx *store.Tx) error {
			due, err := tx.RemindersDue(r.ctx, w.Now(), 10)
			if len(due) > 0 {
				t.Errorf("a third reminder is due: %+v", due)
			}
			return err
		}))
	}
	if mails := r.mailbox.Messages(); len(mails) != 3 {
		t.Errorf("%d mails, want the invite and two reminders", len(mails))
	}
}

func TestAccessIsGrantedToWhoeverTheFactsBeforeItSay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		r.startBoth() // four workers apply facts
	}
	out := r.outcomes()
	r.firm()
	const couples = 150
	for i := range couples {
		a, b, email := fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i), fmt.Sprintf("couple%d@example.com", i)
		r.contact(a, "Walter", email)
		r.contact(b, "Ines", email)
		r.client("c-"+a, "*"+a)
		r.client("c-"+b, "*"+b)
		who := object{"client_id": "c-" + a, "contact_id": a, "granted_at": time.Now()}
		if i%2 == 0 {
			who = object{"client_id": "c-" + a, "email": email, "granted_at": time.Now()}
		}
		r.publish(events.PortalAccessGranted, who)
	}
	r.publish(events.BulkInviteRequested, bulkAll())
	completed := r.await(out, 1, events.RunCompleted)[0]
	if completed.ByReason["already_has_access"] != couples || completed.ByReason["email_shared"] != couples {
		t.Errorf("of %d couples, one of each having access: %+v", couples, completed)
	}
}
