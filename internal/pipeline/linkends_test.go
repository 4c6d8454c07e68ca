package pipeline_test

import (
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// A person who reads that a link was replaced looks for a newer mail. If there is none, the link must not say so.
func TestALinkIsReplacedOnlyByANewerMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartBulk()
	out := r.Outcomes()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	token := r.TokenIn(r.Mailbox.Messages()[0])
	is := func(want answer.Redemption) {
		t.Helper()
		if redeemed, err := w.Answers().Redeem(r.Ctx, firm, token); err != nil || redeemed.Result != want {
			t.Errorf("the link is %s, %v; want %s", redeemed.Result, err, want)
		}
	}

	r.Exec(`UPDATE access SET expires_at = now()`)
	r.Await(out, 1, events.InviteExpired)
	is(answer.LinkExpired)
	r.Mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.Invite("c1", testkit.Contact("dana")) // reserves the access again, and can't be delivered
	r.Await(out, 1, events.InviteFailed)
	is(answer.LinkExpired)

	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Await(out, 1, events.RemovedAccess)
	is(answer.LinkRemoved)
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.Settled()
	is(answer.LinkRemoved) // Dana has access again, but not by this link
}
