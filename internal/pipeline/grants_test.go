package pipeline_test

import (
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// Upstream says that Sam has logged in, with an email that is Dana's login. The login stays Dana's, and her link opens.
func TestAGrantLeavesALoginToItsOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartBulk()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "one@example.com")
	r.UpsertContact("sam", "Sam Ode", "one@example.com")
	r.UpsertClient("c1", "*dana")
	r.UpsertClient("c2", "*sam")
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	r.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c2", "contact_id": "sam", "granted_at": time.Now()})
	r.Settled()
	if state := testkit.Query[string](r.Scene, `SELECT state FROM access
		WHERE person = 'contact:sam' AND email = ''`); state != "active" {
		t.Errorf("Sam's access is %s", state)
	}
	redeemed, err := w.Answers().Redeem(r.Ctx, firm, r.TokenIn(r.Mailbox.Messages()[0]))
	if err != nil || redeemed.Result != answer.LinkOpened || !redeemed.First {
		t.Errorf("Dana's link is %+v, %v", redeemed.Result, err)
	}
	r.Settled()
}
