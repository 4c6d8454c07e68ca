package pipeline

import (
	"testing"
	"time"

	"portal-invites/internal/events"
)

// Whoever is told that a link was replaced looks for a newer mail. Where none has come, the link says what it is.
func TestALinkIsReplacedOnlyByANewerMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := NewInviteWorker(r.config())
	r.start(w)
	r.start(NewBulkWorker(r.config()))
	out := r.outcomes()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.client("c1", "*dana")
	r.invite("c1", contact("dana"))
	r.settled()
	token := r.tokenIn(r.mailbox.Messages()[0])
	is := func(want Redemption) {
		t.Helper()
		if redeemed, err := w.Redeem(r.ctx, firm, token); err != nil || redeemed.Result != want {
			t.Errorf("the link is %s, %v; want %s", redeemed.Result, err, want)
		}
	}

	r.age(`UPDATE access SET expires_at = now()`)
	r.await(out, 1, events.InviteExpired)
	is(LinkExpired)
	r.mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.invite("c1", contact("dana")) // takes over the access, and can't be delivered
	r.await(out, 1, events.InviteFailed)
	is(LinkExpired)

	r.publish(events.AccessRemovalRequested, inviteData("c1", contact("dana")))
	r.await(out, 1, events.RemovedAccess)
	is(LinkRemoved)
	r.publish(events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.settled()
	is(LinkRemoved) // she logs in, but this is not what opens the portal for her
}
