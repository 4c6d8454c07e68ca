package announce

import (
	"math"
	"sync"
	"time"
)

// lowWater is the outbox id below which this worker has nothing left to announce. Reading the outbox from there passes over what
// was deleted since the last vacuum; from the beginning, each read of a large run would go through all that the run has announced.
//
// Ids are drawn when rows are written and seen when they are committed, so a row may show up behind one that has been read. But
// its id was drawn after its transaction began: whatever had been read by then lies below it. So the mark stays where it was when
// the oldest transaction began that is still open, or has ended since the last read.
type lowWater struct {
	mu    sync.Mutex
	next  int64            // behind the highest id that has been read
	back  int64            // where the next read begins, if below next
	open  map[uint64]int64 // next as it was when each open transaction began
	begun uint64           // transactions, which names them
	swept time.Time
}

// sweepEvery is how often the outbox is read from the beginning, for what no mark of this process can tell of: a commit whose
// answer got lost and that took effect only afterwards.
const sweepEvery = time.Minute

func newLowWater() *lowWater { return &lowWater{back: math.MaxInt64, open: map[uint64]int64{}} }

// begin is told of a transaction that may write events, and returns what is to be called once it has ended.
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

// from is where to begin to read.
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

// passed is told which ids a read of at most n has found, all of which have been announced: the next one begins behind them.
func (l *lowWater) passed(ids []int64, n int) {
	if len(ids) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := ids[len(ids)-1] + 1
	l.next = max(l.next, behind)
	if len(ids) == n {
		l.back = min(l.back, behind) // there may be more, also below what an earlier read has come to
	}
}

// rewind has the next read begin there at the latest: what it would have passed over may still have to be announced.
func (l *lowWater) rewind(to int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = min(l.back, to)
}
