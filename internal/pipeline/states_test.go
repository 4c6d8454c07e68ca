package pipeline_test

import (
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// These tests take steps of store.AccessTransitions and store.InviteTransitions that no other test here takes.

// Dana's invite has expired, and she gets access in another way. That accepts no invite, and her email is her login.
func TestAccessIsGrantedAfterAnInviteHasExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.danaAndLee()
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	r.Exec(`UPDATE access SET expires_at = now()`)
	r.Await(out, 1, events.InviteExpired)
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.Settled()
	if state := testkit.Query[string](r.Scene, `SELECT state
		FROM access JOIN logins USING (firm_id, email, person)`); state != "active" {
		t.Errorf("her access is %s", state)
	}
	if accepted := r.Published(events.InviteAccepted); len(accepted) != 0 {
		t.Errorf("accepted: %+v", accepted)
	}
}

// An invite has failed because the mailbox does not exist. A replay before that is fixed skips it, with that reason.
func TestAFailedInviteIsSkippedIfNothingIsFixed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.danaAndLee()
	r.Mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	if o := r.Newest()["c1/dana"]; o.Type != events.InviteFailed {
		t.Fatalf("the first outcome is %s", o.Raw)
	}
	r.Publish(events.ReplayRequested, testkit.Object{"requested_by": "Ops", "filter": testkit.Object{}})
	r.Settled()
	if o := r.Newest()["c1/dana"]; o.Type != events.InviteSkipped || o.Reason != "email_suppressed" || o.Revision != 2 {
		t.Errorf("the outcome after the replay is %s", o.Raw)
	}
}
