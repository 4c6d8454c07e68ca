package pipeline

import (
	"testing"
	"time"

	"portal-invites/internal/events"
)

// Upstream says that Sam has logged in, at an address at which Dana is invited: the login stays Dana's, whose link opens.
func TestAGrantLeavesALoginToItsHolder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := NewInviteWorker(r.config())
	r.start(w)
	r.start(NewBulkWorker(r.config()))
	r.firm()
	r.contact("dana", "Dana Wu", "one@example.com")
	r.contact("sam", "Sam Ode", "one@example.com")
	r.client("c1", "*dana")
	r.client("c2", "*sam")
	r.invite("c1", contact("dana"))
	r.settled()
	r.publish(events.PortalAccessGranted, object{"client_id": "c2", "contact_id": "sam", "granted_at": time.Now()})
	r.settled()
	if state := query[string](r, `SELECT state FROM access WHERE person = 'contact:sam' AND email = ''`); state != "active" {
		t.Errorf("Sam's access is %s", state)
	}
	redeemed, err := w.Redeem(r.ctx, firm, r.tokenIn(r.mailbox.Messages()[0]))
	if err != nil || redeemed.Result != LinkOpened || !redeemed.First {
		t.Errorf("Dana's link is %+v, %v", redeemed.Result, err)
	}
	r.settled()
}
