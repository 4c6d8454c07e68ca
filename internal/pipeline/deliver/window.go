package deliver

import (
	"context"
	"sync"
	"time"

	"portal-invites/internal/pipeline/loop"
)

// What a window holds is claimed together and recorded together, so a large one costs less for each mail; a small one leaves less
// of unknown result in a crash, and lets what is claimed next leave sooner. A window has work for a while, within limits.
const (
	windowWork         = 250 * time.Millisecond
	leastPerConnection = 8
	mostPerConnection  = 32
	// windowPatience is how long a claim waits for half of the window to be free while mails are on their way.
	windowPatience = 20 * time.Millisecond
)

// window is how many mails may be on their way at once. It begins with one and doubles with every round of mails that the
// server has dealt with, so that a server which comes back is not met by everything that waited. Where the server throttles
// it is halved, and from there on grows by one a round: slow start and congestion avoidance (RFC 5681, section 3.1).
type window struct {
	freed       loop.Bell
	connections int
	patience    time.Duration

	mu        sync.Mutex
	most      int
	limit     int
	taken     int
	threshold int           // above it the window grows slowly
	credit    int           // mails dealt with since it last grew
	mean      time.Duration // that a mail takes, moving; 0: none has been sent
}

func newWindow(connections int) *window {
	return &window{
		freed: loop.NewBell(), connections: connections, patience: windowPatience,
		most: connections * leastPerConnection, limit: 1, threshold: connections * mostPerConnection,
	}
}

// take waits until there is room and takes all there is; 0 if ctx ends.
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

// takeNow takes up to n, as many as there is room for without waiting.
func (w *window) takeNow(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = max(min(n, w.limit-w.taken), 0)
	w.taken += n
	return n
}

func (w *window) giveBack(n int) {
	w.mu.Lock()
	w.taken -= n
	w.mu.Unlock()
	w.freed.Ring()
}

// drained waits until nothing is on its way. Only who takes may wait for it.
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

// grow is told of each mail that the server has dealt with, and how long that took.
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

// shrink halves the window, once for all that was on its way when the server began to throttle.
func (w *window) shrink() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.credit < 0 {
		w.credit++
		return
	}
	w.credit = 1 - w.taken // the others
	w.limit = max(w.limit/2, 1)
	w.threshold = w.limit
}

// restart begins anew with one mail.
func (w *window) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit, w.credit, w.threshold = 1, 0, w.connections*mostPerConnection
}
