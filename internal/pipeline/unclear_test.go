package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// noCode stands for a reply without an enhanced code.
var noCode = [3]int{-1, -1, -1}

// A refusal about us must not cost the clients (ADR 101): the lane stops, nobody fails, nobody is suppressed, and
// everybody gets one mail when the fault is mended.
func TestARefusalAboutUsCostsNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refusal error
		after   int32 // mails that the server takes before it refuses
	}{
		"the login is forgotten, OpenSMTPD":  {says(550, noCode, "Invalid recipient"), 0},
		"the login is forgotten, Exim":       {says(550, noCode, "Administrative prohibition"), 0},
		"an hourly limit":                    {says(550, noCode, "You have exceeded your hourly sending limit"), 10},
		"a limit in words that nobody knows": {says(554, [3]int{5, 7, 0}, "No more"), 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var mended atomic.Bool
			var taken atomic.Int32
			h := r.hooked(func(string) error {
				if mended.Load() || taken.Add(1) <= c.after {
					return nil
				}
				return c.refusal
			})
			watch := &waits{}
			cfg := r.configFor(h)
			cfg.Observer = watch
			r.StartWorker(pipeline.NewInviteWorker(r.configFor(h)))
			r.StartWorker(pipeline.NewBulkWorker(cfg))
			const n = 60
			r.Office(n + 1)
			r.Publish(events.BulkInviteRequested, testkit.BulkAll())
			r.Decided(n + 1)
			watch.await(t, "send bulk", true)
			mended.Store(true)
			watch.await(t, "send bulk", false)
			r.left(0)
			if all, second := h.mails(); all != n || second != 0 {
				t.Errorf("%d mails, %d of them second ones; want %d", all, second, n)
			}
			if lost := testkit.Query[int](r.Scene, `SELECT (SELECT count(*) FROM invites WHERE state = 'failed')
				+ (SELECT count(*) FROM suppressions)`); lost != 0 {
				t.Errorf("%d invites have failed or addresses are suppressed", lost)
			}
		})
	}
}

// A refusal that nothing explains is final once the server has taken another mail and refuses this one again. It
// suppresses nobody.
func TestAnUnclearRefusalIsFinalTheSecondTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.hooked(func(to string) error {
		if to == "k2@example.com" {
			return says(550, noCode, "Rejected")
		}
		return nil
	})
	r.StartWorker(pipeline.NewInviteWorker(r.configFor(h)))
	r.Office(4)
	out := r.Outcomes()
	r.Invite("c2", testkit.Contact("k2"))
	attempts := func(n int) {
		t.Helper()
		testenv.Eventually(t, time.Minute, func() error {
			r.Due()
			if got := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts a JOIN invites i USING (invite_id)
				WHERE i.email_normal = 'k2@example.com' AND a.verdict = 'unclear'`); got < n {
				return fmt.Errorf("%d unclear refusals, want %d", got, n)
			}
			return nil
		})
	}
	attempts(2) // without another mail in between, it waits
	if state := testkit.Query[string](r.Scene, `SELECT state FROM invites
		WHERE email_normal = 'k2@example.com'`); state == "failed" {
		t.Fatal("it has failed before the server took another mail")
	}
	r.Invite("c3", testkit.Contact("k3"))
	r.Await(out, 1, events.InviteSent)
	testenv.Eventually(t, time.Minute, func() error {
		r.Due()
		if state := testkit.Query[string](r.Scene, `SELECT state FROM invites
			WHERE email_normal = 'k2@example.com'`); state != "failed" {
			return errors.New("the invite is " + state)
		}
		return nil
	})
	failed := r.Await(out, 1, events.InviteFailed)[0]
	if failed.SMTPCode != 550 || !strings.Contains(failed.Explanation, "refused the mail") ||
		strings.Contains(failed.Explanation, "gets no mail") {
		t.Errorf("%s", failed.Raw)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM suppressions`); n != 0 {
		t.Errorf("%d addresses are suppressed", n)
	}
}
