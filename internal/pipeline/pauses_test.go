package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// Too many mails of a firm come back. Its other mails wait, whichever worker starts, and another firm's leave. When an
// operator has ended the pause, they leave as well, and what had come back before counts no more.
func TestAFirmWhoseMailsComeBackIsPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	limited := func() pipeline.Config {
		cfg := r.Config()
		cfg.Pause = pipeline.PauseLimits{Mails: 10, Bounces: 3, BounceShare: 0.2, Complaints: 100, ComplaintShare: 1}
		return cfg
	}
	stopInvites := r.StartWorker(pipeline.NewInviteWorker(limited()))
	stopBulk := r.StartWorker(pipeline.NewBulkWorker(limited()))
	r.Office(16) // k1 has no email
	r.Mailbox.Refuse("k15@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	sent := r.Newest()
	for _, code := range []string{"550 5.1.1", "554 5.1.1", "550 5.1.10"} { // one mail, however often it is reported
		r.Publish(events.MailReported, aReport("bounced", sent["c2/k2"].MessageID, "k2@example.com", code, "User unknown"))
	}
	r.isFull(sent["c3/k3"], "k3@example.com") // no fault of the addresses
	r.Settled()
	suspects, err := r.Store.Suspects(r.Ctx, 1, 1)
	r.Must(err)
	if len(suspects) != 1 || suspects[0] != (store.Suspect{FirmID: "acme", Mails: 15, Bounces: 2}) {
		t.Fatalf("counted: %+v", suspects)
	}

	r.comesBack(sent["c4/k4"], "k4@example.com")
	r.paused(true)
	pause, err := r.Store.PauseOf(r.Ctx, "acme")
	r.Must(err)
	const why = "the mailboxes of 3 of 15 mails in a day do not exist (20.0 %)"
	if pause.Cause != store.PausedByBounces || pause.By != "" || pause.Reason != why {
		t.Errorf("paused: %+v", pause)
	}
	mails := len(r.Mailbox.Messages())
	stopInvites()
	stopBulk()
	r.UpsertContact("k1", "Kay k1", "k1@example.com")
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{"reasons": []string{"email_missing"}}))
	r.Invite("c0", testkit.Added("new@example.com", "New"))
	r.StartWorker(pipeline.NewInviteWorker(limited()))
	r.StartWorker(pipeline.NewBulkWorker(limited()))
	r.firmBy("other", "")
	r.client("1")
	r.client("2")
	r.inviteTo("1")
	r.Publish(events.BulkInviteRequested, testkit.BulkOf("c2"))
	testenv.Eventually(t, time.Minute, func() error {
		if n := len(r.Mailbox.Messages()) - mails; n < 2 || r.waiting() != 2 {
			return fmt.Errorf("%d mails have left, and %d wait", n, r.waiting())
		}
		return nil
	})
	for _, m := range r.Mailbox.Messages()[mails:] {
		if m.To[0] != "k1@other.example" && m.To[0] != "k2@other.example" {
			t.Errorf("a mail of the paused firm has left, to %s", m.To[0])
		}
	}

	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
		resumed, err := tx.ResumeFirm(r.Ctx, "acme", "", "ops", "the list was corrected")
		if err == nil && !resumed {
			err = errors.New("the firm was not paused")
		}
		return err
	}))
	r.Firm = "acme"
	r.comesBack(sent["c5/k5"], "k5@example.com") // it left before
	r.Settled()
	if n := len(r.Mailbox.Messages()) - mails; n != 4 {
		t.Errorf("%d mails have left in the end, want 4", n)
	}
	if suspects, err = r.Store.Suspects(r.Ctx, 1, 1); err != nil || len(suspects) != 0 {
		t.Errorf("counted after the pause: %+v, %v", suspects, err)
	}
	r.paused(false)
}

// waiting is how many mails are queued.
func (r *rig) waiting() int {
	r.TB.Helper()
	return testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'queued'`)
}

// paused waits until the firm acme is paused, or is not.
func (r *rig) paused(want bool) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		pause, err := r.Store.PauseOf(context.Background(), "acme")
		if err == nil && pause.Paused != want {
			err = fmt.Errorf("the firm is paused: %v", pause.Paused)
		}
		return err
	})
}
