package deliver

import (
	"context"
	"sync"
	"time"

	"portal-invites/internal/pipeline/loop"
)

// The mails in a window are claimed together and recorded together. So a large window costs less per mail. With a small
// window, fewer mails are of unknown result after a crash, and newly claimed mails leave sooner. The size is what the
// server needs windowWork for, within limits per connection.
const (
	windowWork         = 250 * time.Millisecond
	leastPerConnection = 8
	mostPerConnection  = 32
	// windowPatience is how long a claim waits for half of the window to be free while mails are on their way (ADR 57).
	windowPatience = 20 * time.Millisecond
)

// window limits how many mails may be on their way at once. It begins with one mail and doubles with every round of
// mails that the server has answered. So a server that comes back does not get the whole queue at once. When the server
// throttles, the window is halved, and from then on grows by one per round: slow start and congestion avoidance (RFC
// 5681, section 3.1).
type window struct {
	freed       loop.Bell // rung when room is given back
	connections int
	patience    time.Duration

	mu        sync.Mutex    // guards every field below
	most      int           // upper limit of limit
	limit     int           // how many mails may be on their way
	taken     int           // how many are
	threshold int           // above it the window grows slowly
	credit    int           // mails answered since it last grew; negative: results to ignore after it was halved
	mean      time.Duration // moving mean of the time a mail takes; 0 before the first mail
}

func newWindow(connections int) *window {
	return &window{
		freed: loop.NewBell(), connections: connections, patience: windowPatience,
		most: connections * leastPerConnection, limit: 1, threshold: connections * mostPerConnection,
	}
}

// take waits until there is room, takes all of it, and returns how much it was; 0 if ctx ends.
func (w *window) take(ctx context.Context) int {
	var late <-chan time.Time
	patient := true
	for ctx.Err() == nil {
		w.mu.Lock()
		n := max(w.limit-w.taken, 0)
		if w.taken > 0 && 2*n < w.limit && patient {
			if n > 0 && late == nil {
				late = time.After(w.patience)
			}
			n = 0
		}
		w.taken += n
		w.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-ctx.Done():
		case <-w.freed:
		case <-late:
			patient = false
		}
	}
	return 0
}

// takeNow takes room for up to n mails without waiting, and returns how much it took.
func (w *window) takeNow(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = max(min(n, w.limit-w.taken), 0)
	w.taken += n
	return n
}

// giveBack returns room for n mails.
func (w *window) giveBack(n int) {
	w.mu.Lock()
	w.taken -= n
	w.mu.Unlock()
	w.freed.Ring()
}

// drained waits until no mail is on its way. Only the goroutine that takes room may call it.
func (w *window) drained(ctx context.Context) error {
	for {
		w.mu.Lock()
		taken := w.taken
		w.mu.Unlock()
		if taken == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.freed:
		}
	}
}

// meanTime is about how long a mail takes; 0 before the first.
func (w *window) meanTime() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mean
}

// grow is called for each mail that the server has answered, with the time it took.
func (w *window) grow(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mean == 0 {
		w.mean = took
	}
	w.mean = max(w.mean+(took-w.mean)/16, time.Microsecond)
	w.most = w.connections * min(max(int(windowWork/w.mean), leastPerConnection), mostPerConnection)
	w.limit = min(w.limit, w.most)
	w.credit++
	if w.limit < w.most && (w.limit < w.threshold || w.credit >= w.limit) {
		w.limit++
		w.credit = 0
	}
}

// shrink halves the window, once for all mails that were on their way when the server began to throttle.
func (w *window) shrink() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.credit < 0 {
		w.credit++
		return
	}
	w.credit = 1 - w.taken // ignore the results of the other mails on their way
	w.limit = max(w.limit/2, 1)
	w.threshold = w.limit
}

// restart makes the window as it was at the beginning: one mail, and fast growth.
func (w *window) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit, w.credit, w.threshold = 1, 0, w.connections*mostPerConnection
}
