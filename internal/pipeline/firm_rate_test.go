package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// stays waits until n mails have arrived and no other one may leave by the clock.
func (r *rig) stays(c *clock, n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		if got := len(r.Mailbox.Messages()); got != n {
			return fmt.Errorf("%d mails have left, want %d", got, n)
		}
		if got := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'sending'`); got > 0 {
			return fmt.Errorf("%d are being sent", got)
		}
		for _, lane := range []store.Lane{store.IndividualLane, store.BulkLane} {
			due, err := r.Store.AnyDue(r.Ctx, store.Queue{Lane: lane}, c.now())
			if err == nil && due {
				err = fmt.Errorf("a mail is due in the %s lane", lane)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// A firm may send a hundred mails an hour. Its run sends one every forty seconds. Its individual mails, and other
// firms' mails, leave at once and by the direct way.
func TestARunKeepsToItsFirmsRate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := &clock{}
	c.nanos.Store(time.Now().UnixNano())
	cfg := r.limited(c, rules.Limits{MailsHour: 100})
	for range 2 {
		r.StartWorker(pipeline.NewInviteWorker(cfg))
		r.StartWorker(pipeline.NewBulkWorker(cfg))
	}
	r.Office(8) // seven of them have an email
	r.UpsertContact("x", "Xenia", "x@example.com")
	r.UpsertClient("alone", "x")
	run := r.Publish(events.BulkInviteRequested, testkit.BulkOf("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"))
	r.stays(c, 1)
	r.Handled(events.BulkDurable)
	testenv.Eventually(t, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'queued'`); n != 6 {
			return fmt.Errorf("%d mails of the run wait, want 6", n)
		}
		return nil
	})
	r.Invite("alone", testkit.Contact("x"))
	r.stays(c, 2)
	r.of("other", func() {
		r.Office(1)
		r.Invite("c0", testkit.Contact("k0"))
	})
	r.stays(c, 3)
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites JOIN attempts USING (invite_id)
		WHERE lane = 'individual' AND started_at = decided_at`); n != 2 {
		t.Errorf("%d individual mails left by the direct way, want 2", n)
	}
	for left := 4; left <= 9; left++ {
		c.nanos.Add(int64(40 * time.Second))
		r.stays(c, left)
	}
	r.Settled()
	if o := r.Completed(run); o.Sent != 7 || o.Failed != 0 || o.Skipped != 1 {
		t.Errorf("the run: %s", o.Raw)
	}
}

// A firm may send three mails an hour, whichever worker sends them. What is more waits.
func TestAnHourHasOnlySoManyMailsOfAFirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := &clock{}
	c.nanos.Store(time.Now().UnixNano())
	cfg := r.limited(c, rules.Limits{MailsHour: 3})
	for range 3 {
		r.StartWorker(pipeline.NewInviteWorker(cfg))
	}
	r.Office(9)
	r.Handled(events.FactsDurable)
	for _, i := range []int{0, 2, 3, 4, 5, 6, 7, 8} {
		r.Invite(fmt.Sprintf("c%d", i), testkit.Contact(fmt.Sprintf("k%d", i)))
	}
	r.Decided(8)
	r.stays(c, 3)
	c.nanos.Add(int64(time.Hour))
	r.stays(c, 6)
	c.nanos.Add(int64(59 * time.Minute))
	r.stays(c, 6)
	c.nanos.Add(int64(time.Minute))
	r.stays(c, 8)
	r.Settled()
	if got := r.reasons(); got[""] != 8 {
		t.Errorf("outcomes by reason: %v", got)
	}
}
