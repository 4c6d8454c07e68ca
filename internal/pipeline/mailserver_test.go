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

// waits observes which stages are blocked.
type waits struct {
	pipeline.Unwatched
	mu   sync.Mutex
	last map[string]bool // the last report of each stage; guarded by mu
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
			return fmt.Errorf("%s waits: %v", stage, w.last[stage])
		}
		return nil
	})
}

// left waits until at most n mails have not left. It makes deferred mails due at once.
func (r *rig) left(n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, 2*time.Minute, func() error {
		r.Due()
		if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites
			WHERE state IN ('queued', 'sending')`); left > n {
			return fmt.Errorf("%d mails have not left, want %d", left, n)
		}
		return nil
	})
}

// The lane stops if the server refuses to relay, and recovers by itself when the server relays.
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

// One of many mails hangs, one is refused and one is greylisted. All others leave while the one hangs.
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
	if on := testkit.Query[string](r.Scene, `SELECT state FROM invites
		WHERE email_normal = 'k2@example.com'`); on != "sending" {
		t.Errorf("the invite whose mail hangs is %s", on)
	}
	release()
	r.left(0)
	if all, second := h.mails(); all != n-2 || second != 0 {
		t.Errorf("%d mails, %d of them second ones; want %d", all, second, n-2)
	}
}

// The server goes down during a run, comes back and throttles, and then works normally. Everybody gets one mail, no
// invite fails, and the server is not flooded when it is back.
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

	// Requests are decided, and skipped, while the server is down.
	r.Invite("c0", testkit.Added("late@example.com", "Late"), testkit.Contact("k1"))
	r.Decided(n + 2)
	if state := testkit.Query[string](r.Scene, `SELECT state FROM invites
		WHERE contact_id = 'k1' AND lane = 'individual'`); state != "skipped" {
		t.Errorf("with the mail server away, an invite that is to be skipped is %s", state)
	}
	throttling.Store(true)
	h.up()
	r.left(n / 3)
	// Each of the two lanes begins with one mail, and a mail may be between two replies.
	if over := h.overrun(); over > 2 {
		t.Errorf("the server that came back got %d mails more than slow start allows", over)
	}
	throttling.Store(false)
	r.left(0)
	if all, second := h.mails(); all != n || second != 0 {
		t.Errorf("%d mails, %d of them second ones; want %d", all, second, n)
	}
	if failed := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'failed'`); failed != 0 {
		t.Errorf("%d invites have failed", failed)
	}
	if tried > 3 {
		t.Errorf("an invite was tried %d times while the server was down", tried)
	}
}
