package pipeline

import (
	"testing"
	"time"

	"portal-invites/internal/events"
)

// Steps of store.AccessTransitions and store.InviteTransitions that nothing else here takes.

// Dana has let her invite expire and logs in otherwise: she has accepted no invite, and her login is hers.
func TestAccessIsGrantedAfterAnInviteHasExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.danaAndLee()
	r.invite("c1", contact("dana"))
	r.settled()
	r.age(`UPDATE access SET expires_at = now()`)
	r.await(out, 1, events.InviteExpired)
	r.publish(events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.settled()
	if state := query[string](r, `SELECT state FROM access JOIN logins USING (firm_id, email, person)`); state != "active" {
		t.Errorf("her access is %s", state)
	}
	if accepted := r.told(events.InviteAccepted); len(accepted) != 0 {
		t.Errorf("accepted: %+v", accepted)
	}
}

// An invite has failed because the mailbox does not exist. Decided again while that stands, it is skipped, and says so.
func TestAFailedInviteIsSkippedWhereNothingIsFixed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.danaAndLee()
	r.mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.invite("c1", contact("dana"))
	r.settled()
	if o := r.standing()["c1/dana"]; o.Type != events.InviteFailed {
		t.Fatalf("it stands as %s", o.Raw)
	}
	r.publish(events.ReplayRequested, object{"requested_by": "Ops", "filter": object{}})
	r.settled()
	if o := r.standing()["c1/dana"]; o.Type != events.InviteSkipped || o.Reason != "email_suppressed" || o.Revision != 2 {
		t.Errorf("it stands as %s", o.Raw)
	}
}
