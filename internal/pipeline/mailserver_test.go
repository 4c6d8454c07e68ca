package pipeline_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// waits is an observer of what waits.
type waits struct {
	pipeline.Unwatched
	mu   sync.Mutex
	last map[string]bool
}

func (w *waits) Waiting(stage string, waiting bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.last = map[string]bool{}
	}
	w.last[stage] = waiting
}

func (w *waits) await(t *testing.T, stage string, waiting bool) {
	t.Helper()
	testenv.Eventually(t, time.Minute, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.last[stage] != waiting {
			return fmt.Errorf("that %s waits is %v", stage, w.last[stage])
		}
		return nil
	})
}

// left waits until no more than n mails of runs have not left. What was put off is due at once.
func (r *rig) left(n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, 2*time.Minute, func() error {
		r.Due()
		if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')`); left > n {
			return fmt.Errorf("%d mails have not left, want %d", left, n)
		}
		return nil
	})
}

// The lane stops at a server that will not relay, and goes on by itself when it does.
func TestAMisconfiguredServerStopsTheLane(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var mended atomic.Bool
	h := r.hooked(func(string) error {
		if mended.Load() {
			return nil
		}
		return says(554, [3]int{5, 7, 1}, "Relay access denied")
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
	if tried := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts`); tried > n/3 {
		t.Errorf("%d of %d invites were tried one by one", tried, n)
	}
	mended.Store(true)
	watch.await(t, "send bulk", false)
	r.left(0)
	if all, second := h.mails(); all != n || second != 0 {
		t.Errorf("%d mails, %d of them second ones; want %d", all, second, n)
	}
	if failed := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'failed'`); failed != 0 {
		t.Errorf("%d have failed", failed)
	}
}

// Of many mails one hangs, one is refused and one greylisted: all others leave while it hangs.
func TestOneBadAddressDelaysNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hanging, free := make(chan struct{}), make(chan struct{})
	hangs := sync.OnceFunc(func() { close(hanging) })
	var greylisted atomic.Bool
	h := r.hooked(func(to string) error {
		switch to {
		case "k2@example.com":
			hangs()
			<-free
		case "k3@example.com":
			return says(550, [3]int{5, 1, 1}, "no such user")
		case "k4@example.com":
			if !greylisted.Swap(true) {
				return says(451, [3]int{4, 7, 1}, "greylisted")
			}
		}
		return nil
	})
	release := sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	r.StartWorker(pipeline.NewInviteWorker(r.configFor(h)))
	r.StartWorker(pipeline.NewBulkWorker(r.configFor(h)))
	const n = 201 // k1 has no email
	r.Office(n)
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	<-hanging
	testenv.Eventually(t, 2*time.Minute, func() error {
		if all, _ := h.mails(); all < n-4 {
			return fmt.Errorf("%d mails of %d while one hangs", all, n-4)
		}
		return nil
	})
	if on := testkit.Query[string](r.Scene, `SELECT state FROM invites WHERE email_normal = 'k2@example.com'`); on != "sending" {
		t.Errorf("the one that hangs is %s", on)
	}
	release()
	r.left(0)
	if all, second := h.mails(); all != n-2 || second != 0 {
		t.Errorf("%d mails, %d of them second ones; want %d", all, second, n-2)
	}
}

// The server goes away in the middle of a run, comes back throttling, and is itself again. Everyone gets one mail, nobody
// fails, and the return is no flood.
func TestTheMailServerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var throttling atomic.Bool
	var asked atomic.Int64
	h := r.hooked(func(string) error {
		switch n := asked.Add(1); {
		case throttling.Load() && n%3 == 0:
			return says(421, [3]int{4, 7, 0}, "too fast")
		case throttling.Load() && n%3 == 1:
			return says(450, [3]int{4, 2, 1}, "too many for this mailbox")
		default:
			return nil
		}
	})
	watch := &waits{}
	cfg := r.configFor(h)
	cfg.Observer = watch
	r.StartWorker(pipeline.NewInviteWorker(r.configFor(h)))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	const n = 121 // k1 has no email
	r.Office(n)
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	testenv.Eventually(t, time.Minute, func() error {
		if all, _ := h.mails(); all < n/4 {
			return errors.New("too few mails have left")
		}
		return nil
	})
	h.down()
	watch.await(t, "send bulk", true)
	tried := testkit.Query[int](r.Scene, `SELECT max(attempt) FROM invites`)

	// What is decided, and skipped, is so all the same.
	r.Invite("c0", testkit.Added("late@example.com", "Late"), testkit.Contact("k1"))
	r.Decided(n + 2)
	if state := testkit.Query[string](r.Scene, `SELECT state FROM invites WHERE contact_id = 'k1' AND lane = 'individual'`); state != "skipped" {
		t.Errorf("with the mail server away, an invite that is to be skipped is %s", state)
	}
	throttling.Store(true)
	h.up()
	r.left(n / 3)
	if over := h.overrun(); over > 2 { // a lane lets one out at first; there are two, and a mail between two replies
		t.Errorf("the server that came back was met by %d mails more than it had answered", over)
	}
	throttling.Store(false)
	r.left(0)
	if all, second := h.mails(); all != n || second != 0 {
		t.Errorf("%d mails, %d of them second ones; want %d", all, second, n)
	}
	if failed := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'failed'`); failed != 0 {
		t.Errorf("%d have failed", failed)
	}
	if tried > 3 {
		t.Errorf("an invite was tried %d times while there was no server", tried)
	}
}
