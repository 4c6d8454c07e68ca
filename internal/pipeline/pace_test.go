package pipeline_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// Two workers of a lane share a clock that the test moves. No more mails leave than the rate allows.
func TestWorkersOfALaneShareItsRate(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), &clock{}
	c.nanos.Store(time.Now().UnixNano())
	cfg := r.Config()
	cfg.Rate, cfg.Now = 5, c.now
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.UpsertFirm()
	const n = 12
	for i := range n {
		id := fmt.Sprintf("k%d", i)
		r.UpsertContact(id, "Kay", id+"@example.com")
		r.UpsertClient("c-"+id, "*"+id)
		r.Invite("c-"+id, testkit.Contact(id))
	}
	r.Decided(n)
	for second, want := range []int{5, 10, 12} {
		r.spent(want)
		if sent := len(r.Mailbox.Messages()); sent != want {
			t.Errorf("after %d s: %d mails have left, want %d", second, sent, want)
		}
		c.jump(time.Second)
	}
	r.Settled()
}

// spent waits until n mails have left and the rate has refused the next one, or no mail is left.
func (r *rig) spent(n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		sent := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'sent'`)
		refused := testkit.Query[bool](r.Scene, `SELECT granted = 0 AND tokens < 1 FROM lane_rates`)
		left := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')`)
		if sent < n || !refused && left > 0 {
			return fmt.Errorf("%d of %d have left, %d wait", sent, n, left)
		}
		return nil
	})
}

// A run goes to two domains, and each has its own rate. Invites that wait for it stay queued, and none is lost.
func TestADomainGetsNoMoreThanItsRate(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), &clock{}
	c.nanos.Store(time.Now().UnixNano())
	cfg := r.Config()
	cfg.DomainRate, cfg.Now = 2, c.now
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.UpsertFirm()
	for i := range 8 {
		domain := []string{"large.example", "large.example", "large.example", "small.example"}[i%4]
		id := fmt.Sprintf("k%d", i)
		r.UpsertContact(id, "Kay", id+"@"+domain)
		r.UpsertClient("c-"+id, "*"+id)
	}
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	left := func(want map[string]int) {
		t.Helper()
		got := map[string]int{}
		testenv.Eventually(t, time.Minute, func() error {
			clear(got)
			for _, m := range r.Mailbox.Messages() {
				_, domain, _ := strings.Cut(m.To[0], "@")
				got[domain]++
			}
			due := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites
				WHERE state = 'sending' OR state = 'queued' AND next_attempt_at <= $1`, c.now())
			if due > 0 || !maps.Equal(got, want) {
				return fmt.Errorf("mails: %v, want %v; %d are due", got, want, due)
			}
			return nil
		})
	}
	left(map[string]int{"large.example": 3, "small.example": 2}) // two for a second, and the one that is due now
	c.jump(time.Second)
	left(map[string]int{"large.example": 5, "small.example": 2})
	c.jump(time.Second)
	left(map[string]int{"large.example": 6, "small.example": 2})
	r.Settled()
}
