package announce

import (
	"math"
	"sync"
	"time"
)

// lowWater is the outbox id below which this worker has nothing left to announce (ADR 19). A read of the outbox begins
// there, and so skips the rows that were deleted since the last vacuum. A read from the beginning would go through
// every row that a large run has announced.
//
// A row gets its id when it is written, and is visible when its transaction commits. So a row may appear below an id
// that has been read already. But its id was drawn after its transaction began, so it is above everything that had been
// read by then. Therefore the mark must not pass the position that it had when the oldest transaction began that is
// still open, or that has ended since the last read.
type lowWater struct {
	mu    sync.Mutex       // guards every field below
	next  int64            // one above the highest id that has been read
	back  int64            // where the next read begins, if below next
	open  map[uint64]int64 // the value of next when each open transaction began, by the transaction's number
	begun uint64           // number of transactions that have begun
	swept time.Time        // when the outbox was last read from the beginning
}

// sweepEvery is how often the outbox is read from the beginning. That finds rows of a commit whose answer got lost and
// that took effect later: this process did not see that transaction end.
const sweepEvery = time.Minute

func newLowWater() *lowWater { return &lowWater{back: math.MaxInt64, open: map[uint64]int64{}} }

// begin registers a transaction that may write events. The caller must call end once the transaction has ended.
func (l *lowWater) begin() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	id := l.begun
	l.open[id] = l.next
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.back = min(l.back, l.open[id])
		delete(l.open, id)
	}
}

// from returns the id at which the next read begins.
func (l *lowWater) from(now time.Time) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.back
	for _, next := range l.open {
		from = min(from, next)
	}
	if now.Sub(l.swept) >= sweepEvery {
		from, l.swept = 0, now
	}
	l.back = math.MaxInt64
	return min(from, l.next)
}

// passed moves the mark behind ids. A read of at most n rows has found them, and all of them have been announced.
func (l *lowWater) passed(ids []int64, n int) {
	if len(ids) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := ids[len(ids)-1] + 1
	l.next = max(l.next, behind)
	if len(ids) == n {
		l.back = min(l.back, behind) // there may be more rows, also below the highest id that was read before
	}
}

// rewind makes the next read begin at the given id or below, because the rows from there on may not be announced yet.
func (l *lowWater) rewind(to int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = min(l.back, to)
}

// forget forgets every id that was read. A database that was restored gives ids a second time.
func (l *lowWater) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = 0
	for id := range l.open {
		l.open[id] = 0
	}
}
