package deliver_test

import (
	"context"
	"testing"
	"time"

	"portal-invites/internal/pipeline/deliver"
	"portal-invites/internal/store"
)

// looks is a lease that ends, or panics, at one of the looks at it.
type looks struct {
	deliver.Lease
	before, ends, panics int // looks before now; from which one on it has ended; which one panics; 0: none
}

func (l *looks) Holds(term int64) bool {
	l.before++
	if l.before == l.panics {
		panic("poison")
	}
	return (l.ends == 0 || l.before < l.ends) && l.Lease.Holds(term)
}

// Two mails leave over one connection. Each is looked at before it is composed, before its MAIL and before its content.
// The second one's first looks are the third and the fourth of all, because its MAIL leaves with the first content.
func TestChainedMailsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		looks                looks
		mails, sent, waiting int
	}{
		"the lease lasts":                     {looks{}, 2, 2, 0},
		"it ends before the second MAIL":      {looks{ends: 4}, 0, 0, 2},
		"it ends before the first content":    {looks{ends: 5}, 0, 0, 2},
		"it ends before the second content":   {looks{ends: 6}, 1, 1, 1},
		"a panic while the second is written": {looks{panics: 3}, 1, 1, 0},
		"a panic before the first content":    {looks{panics: 5}, 0, 0, 1},
		"a panic before the second content":   {looks{panics: 6}, 1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.queued(2)
			w := r.ByHand(store.IndividualLane, r.Config())
			d := w.Delivery
			r.takes(w, 2)
			look := c.looks
			look.Lease, d.Lease = d.Lease, &look
			r.Must(d.Leave(r.Ctx))
			d.Close()
			if mails := len(r.Mailbox.Messages()); mails != c.mails || look.before < 4 {
				t.Errorf("%d mails arrived after %d looks, want %d", mails, look.before, c.mails)
			}
			failed := 2 - c.sent - c.waiting
			if sent, waiting := r.inState(store.Sent), r.inState(store.Queued); sent != c.sent || waiting != c.waiting ||
				r.inState(store.Failed) != failed {
				t.Errorf("%d invites are sent and %d queued, want %d and %d", sent, waiting, c.sent, c.waiting)
			}
			if left, _ := d.Unrecorded(); left != 0 || d.OnTheirWay() != 0 {
				t.Errorf("%d mails are unrecorded and %d on their way, after all have ended", left, d.OnTheirWay())
			}
			if !d.Stopped().IsZero() {
				t.Error("the lane has stopped, although the server takes mail")
			}
		})
	}
}

// A mail that is chained waits for its connection, while the one before it is with the server. So it is chained only if
// it gains by that.
func TestWhichMailsFollowOthers(t *testing.T) {
	t.Parallel()
	nothing := func(*deliver.Delivery) {}
	for name, c := range map[string]struct {
		jobs  int
		but   func(*deliver.Delivery)
		stops bool // the worker
		want  bool
	}{
		"a job waits":        {1, nothing, false, true},
		"none waits":         {0, nothing, false, false},
		"the worker stops":   {1, nothing, true, false},
		"the server is far":  {1, func(d *deliver.Delivery) { d.ServerIsSlow(200 * time.Millisecond) }, false, true},
		"the server is slow": {1, func(d *deliver.Delivery) { d.ServerIsSlow(2 * time.Second) }, false, false},
		"too many are unrecorded": {1, func(d *deliver.Delivery) {
			_, more := d.Unrecorded()
			d.LeaveUnrecorded(more)
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if c.jobs > 0 {
				r.queued(c.jobs)
			}
			w := r.ByHand(store.IndividualLane, r.Config())
			if c.jobs > 0 {
				r.takes(w, c.jobs)
			}
			c.but(w.Delivery)
			ctx, stop := context.WithCancel(r.Ctx)
			defer stop()
			if c.stops {
				stop()
			}
			before, _ := w.Delivery.Unrecorded()
			if got := w.Delivery.Follows(ctx); got != c.want {
				t.Errorf("follows: %v, want %v", got, c.want)
			}
			after, _ := w.Delivery.Unrecorded()
			if took := w.Delivery.Handed() < c.jobs; took != c.want || after-before == 1 != c.want {
				t.Errorf("took the job: %v; %d more may be unrecorded", took, after-before)
			}
		})
	}
}
