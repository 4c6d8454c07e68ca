package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

func TestARemovalIsPublishedOnceAndAccessCanBeGivenAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	r.Invite("c1", testkit.Contact("dana"))
	r.Await(out, 1, events.InviteSent)

	removal := r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	removed := r.Await(out, 1, events.RemovedAccess)[0]
	if removed.Cause.ID != removal || removed.Recipient.ContactID != "dana" {
		t.Errorf("removed: %+v", removed)
	}
	r.UpsertContact("dana", "Dana Wu", "dana@new.example")
	r.Invite("c1", testkit.Contact("dana"))
	if sent := r.Await(out, 1, events.InviteSent)[0]; sent.Recipient.EmailMasked != "d•••@new.example" {
		t.Errorf("invited again: %+v", sent)
	}
	// The old removal is delivered again. It must not end the access that was given since.
	r.PublishAs(removal, events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Settled()
	if state := testkit.Query[string](r.Scene, `SELECT state FROM access`); state != "invited" {
		t.Errorf("access is %s after the old removal was delivered again, want invited", state)
	}
	if size := r.StreamSize(events.OutcomesStream); size != 3 {
		t.Errorf("%d outcomes, want 3", size)
	}
	// A grant after a removal gives access, but the revoked link stays revoked.
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Await(out, 1, events.RemovedAccess)
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.Settled()
	if active := testkit.Query[int](r.Scene, `SELECT count(*) FROM access
		WHERE state = 'active' AND invite_id IS NULL`); active != 1 {
		t.Error("the access granted after a removal has the removed link, or is not active")
	}
}

func TestAnInviteExpiresByItselfOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy.InviteTTL = time.Second
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("sam", "Sam Ode", "dana@example.com")
	r.UpsertClient("c1", "*dana", "sam")
	r.Invite("c1", testkit.Contact("dana"))
	expired := r.Await(out, 1, events.InviteExpired)[0]
	if expired.Recipient.ContactID != "dana" {
		t.Errorf("expired: %+v", expired)
	}
	r.Invite("c1", testkit.Contact("sam")) // the login is free
	r.Await(out, 1, events.InviteSent)
	r.Await(out, 1, events.InviteExpired)
	if size := r.StreamSize(events.OutcomesStream); size != 4 {
		t.Errorf("%d outcomes, want 2 sent and 2 expired", size)
	}
}

func TestALoginAcceptsTheInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertClient("c1", "*dana", "lee")
	r.Invite("c1", testkit.Contact("dana"))
	r.Await(out, 1, events.InviteSent)
	grant := testkit.Object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()}
	r.Publish(events.PortalAccessGranted, grant)
	r.Publish(events.PortalAccessGranted, grant)
	// nobody here invited Lee
	r.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c1", "contact_id": "lee", "granted_at": time.Now()})
	if accepted := r.Await(out, 1, events.InviteAccepted)[0]; accepted.Recipient.ContactID != "dana" {
		t.Errorf("accepted: %+v", accepted)
	}
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "dana"})
	if removed := r.Await(out, 1, events.RemovedAccess)[0]; removed.Recipient.ContactID != "dana" ||
		removed.Cause.Type != "ContactRemoved" {
		t.Errorf("removed: %+v", removed)
	}
	r.Publish(events.ClientRemoved, testkit.Object{"client_id": "c1"})
	if removed := r.Await(out, 1, events.RemovedAccess)[0]; removed.Recipient.ContactID != "lee" ||
		removed.Cause.Type != "ClientRemoved" {
		t.Errorf("removed: %+v", removed)
	}
	r.Settled()
	if size := r.StreamSize(events.OutcomesStream); size != 4 {
		t.Errorf("%d outcomes, want sent, accepted and two removed", size)
	}
}

func TestAReplayInvitesThoseWhoWereFixedAndNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.UpsertFirm()
	for _, id := range []string{"a", "b", "c"} {
		r.UpsertContact(id, "Contact "+id, "")
		r.UpsertClient("c-"+id, "*"+id)
	}
	r.UpsertContact("d", "Contact d", "d@example.com")
	r.UpsertClient("c-d", "d") // not Primary: bulk skips, an individual request does not
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Await(out, 1, events.RunCompleted)
	r.Invite("c-a", testkit.Contact("a"))
	r.Await(out, 1, events.InviteSkipped)
	r.Settled()

	r.UpsertContact("b", "Contact b", "b@example.com")
	r.UpsertContact("c", "Contact c", "c@example.com")
	replay := testkit.Object{"requested_by": "Ops", "filter": testkit.Object{
		"reasons": []string{"email_missing"}, "client_ids": []string{"c-a", "c-b"}}}
	id := r.Publish(events.ReplayRequested, replay)
	completed := r.Await(out, 1, events.RunCompleted)[0]
	if completed.Cause.ID != id || completed.Selected != 3 || completed.Sent != 1 || completed.Skipped != 2 ||
		completed.ByReason["email_missing"] != 2 {
		t.Errorf("the replay completed: %+v", completed)
	}
	r.Settled()
	mails := len(r.Mailbox.Messages())
	if mails != 1 {
		t.Errorf("%d mails, want b's alone", mails)
	}
	outcomes := r.StreamSize(events.OutcomesStream)
	r.PublishAs(id, events.ReplayRequested, replay) // a second delivery changes nothing
	r.Settled()
	if again := r.StreamSize(events.OutcomesStream); again != outcomes {
		t.Errorf("%d outcomes after the replay was delivered again, want %d", again, outcomes)
	}
}

func TestAResendEndsTheOldLinkWhenItLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy.ResendCooldown = time.Minute
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertClient("c1", "*dana", "*lee")
	r.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c1", "contact_id": "lee", "granted_at": time.Now()})
	r.Invite("c1", testkit.Contact("dana"))
	first := r.Await(out, 1, events.InviteSent)[0]
	link := func() string {
		return testkit.Query[string](r.Scene, `SELECT coalesce(invite_id::text, 'none') FROM access
			WHERE person = 'contact:dana'`)
	}

	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	if skipped := r.Await(out, 1, events.InviteSkipped)[0]; skipped.Reason != "resend_too_soon" {
		t.Errorf("a resend at once: %+v", skipped)
	}
	if link() != first.InviteID {
		t.Errorf("the link is %s's, want the first invite's", link())
	}
	r.Exec("UPDATE access SET mailed_at = mailed_at - interval '2 minutes'")
	r.Publish(events.BulkInviteRequested, testkit.Object{
		"mode": "resend", "to": "all", "requested_by": "Lee", "selection": testkit.Object{"all_clients": true}})
	resent := map[string]testkit.Outcome{}
	for _, o := range r.Await(out, 2, events.InviteSent) {
		resent[o.Recipient.ContactID] = o
	}
	r.Settled()
	if link() != resent["dana"].InviteID {
		t.Errorf("the link is %s's, want the resend's", link())
	}
	if resent["lee"].InviteID == "" {
		t.Error("Lee, who has logged in, got no reminder")
	}
	if state := testkit.Query[string](r.Scene, `SELECT state FROM access
		WHERE person = 'contact:lee'`); state != "active" {
		t.Errorf("Lee's access is %s after a reminder, want active", state)
	}
}

func TestAFirmThatWantsRemindersSendsTwo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	r.Invite("c1", testkit.Contact("dana"))
	r.Await(out, 1, events.InviteSent)
	const later = `UPDATE access
		SET mailed_at = mailed_at - interval '73 hours', reminded_at = reminded_at - interval '73 hours'`
	for number := 1; number <= 2; number++ {
		r.Exec(later)
		if sent := r.Await(out, 1, events.InviteSent)[0]; sent.Cause.Source != events.OutcomeSource ||
			sent.Cause.Type != "InviteResendRequested" {
			t.Errorf("reminder %d: %+v", number, sent)
		}
		r.Settled()
	}
	r.Exec(later)
	for range 2 { // a third reminder is never due
		r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
			due, err := tx.RemindersDue(r.Ctx, time.Now(), 10)
			if len(due) > 0 {
				t.Errorf("a third reminder is due: %+v", due)
			}
			return err
		}))
	}
	if mails := r.Mailbox.Messages(); len(mails) != 3 {
		t.Errorf("%d mails, want the invite and two reminders", len(mails))
	}
}

func TestAGrantIsAppliedOnTheFactsBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		r.StartBoth() // four workers apply facts
	}
	out := r.Outcomes()
	r.UpsertFirm()
	const couples = 150
	for i := range couples {
		a, b, email := fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i), fmt.Sprintf("couple%d@example.com", i)
		r.UpsertContact(a, "Walter", email)
		r.UpsertContact(b, "Ines", email)
		r.UpsertClient("c-"+a, "*"+a)
		r.UpsertClient("c-"+b, "*"+b)
		who := testkit.Object{"client_id": "c-" + a, "contact_id": a, "granted_at": time.Now()}
		if i%2 == 0 {
			who = testkit.Object{"client_id": "c-" + a, "email": email, "granted_at": time.Now()}
		}
		r.Publish(events.PortalAccessGranted, who)
	}
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	completed := r.Await(out, 1, events.RunCompleted)[0]
	if completed.ByReason["already_has_access"] != couples || completed.ByReason["email_shared"] != couples {
		t.Errorf("of %d couples, one of each having access: %+v", couples, completed)
	}
}

// The portal's clock may be wrong. A login in the future counts as now, so the logins after it count as well.
func TestALoginInTheFutureIsNow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	login := func(at time.Time) time.Time {
		r.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c1", "contact_id": "dana", "granted_at": at})
		r.Settled()
		return testkit.Query[time.Time](r.Scene, `SELECT last_login_at FROM access`)
	}
	before := time.Now()
	first := login(before.AddDate(10, 0, 0))
	if first.Before(before.Add(-time.Second)) || first.After(time.Now().Add(time.Second)) {
		t.Errorf("a login in ten years counts as one at %v", first)
	}
	if second := login(time.Now()); !second.After(first) {
		t.Errorf("the next login counts as one at %v, after %v", second, first)
	}
	if earlier := login(before.AddDate(-1, 0, 0)); earlier.Before(first) {
		t.Errorf("a login a year ago counts as the newest: %v", earlier)
	}
}
