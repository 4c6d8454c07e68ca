package pipeline_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
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

// While a resend waits to leave, nobody can find its mail, so the link before it opens. Then the old link leads to the
// newest mail: it says when that left, and where to.
func TestAReplacedLinkLeadsToTheNewestMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy.ResendCooldown = -time.Minute
	w := pipeline.NewInviteWorker(cfg)
	r.StartWorker(w)
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	first := r.TokenIn(r.Mailbox.Messages()[0])
	peek := func() answer.Redeemed {
		t.Helper()
		redeemed, err := w.Answers().Peek(r.Ctx, firm, first)
		r.Must(err)
		return redeemed
	}

	r.Mailbox.Refuse("dana@example.com", 451, [3]int{4, 7, 1}, "greylisted")
	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	testenv.Eventually(t, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict <> 'delivered'`); n == 0 {
			return errors.New("the resend was not tried")
		}
		return nil
	})
	if got := peek(); got.Result != answer.LinkOpened || got.Newest != (answer.Newest{}) {
		t.Errorf("while the resend waits: %s, %+v", got.Result, got.Newest)
	}
	r.Mailbox.Accept("dana@example.com")
	testenv.Eventually(t, time.Minute, func() error {
		r.Exec(`UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
		if n := len(r.Mailbox.Messages()); n != 2 {
			return fmt.Errorf("%d mails", n)
		}
		return nil
	})
	r.Settled()
	sentAt := testkit.Query[time.Time](r.Scene, `SELECT sent_at FROM invites WHERE kind = 'resend'`)
	if got := peek(); got.Result != answer.LinkReplaced || got.Newest.Email.Normal != "dana@example.com" ||
		!got.Newest.SentAt.Equal(sentAt) {
		t.Errorf("after the resend: %s, %+v; it left at %s", got.Result, got.Newest, sentAt)
	}
}
