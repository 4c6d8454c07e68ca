package api

import (
	"sync"
	"time"
)

// buckets limit how often something may happen, each key by itself. Every bucket holds tokens for a burst, and gets a
// new one after each interval.
type buckets struct {
	every time.Duration
	burst int

	mu sync.Mutex
	// full has the time at which a bucket will be full again (ITU-T I.371, the generic cell rate algorithm). A key that it
	// does not have has a full bucket.
	full  map[string]time.Time
	swept time.Time
}

func newBuckets(every time.Duration, burst int) *buckets {
	return &buckets{every: every, burst: burst, full: map[string]time.Time{}}
}

// take takes a token. If there is none, it returns the time until there is one.
func (b *buckets) take(key string, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	full := b.full[key]
	if full.Before(now) {
		full = now
	}
	full = full.Add(b.every)
	if wait = full.Sub(now) - time.Duration(b.burst)*b.every; wait > 0 {
		return wait
	}
	b.full[key] = full
	return 0
}

// sweepEvery is how often full buckets are forgotten.
const sweepEvery = 10 * time.Second

// sweep forgets the buckets that are full. The caller has the lock.
func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < sweepEvery {
		return
	}
	b.swept = now
	for key, full := range b.full {
		if full.Before(now) {
			delete(b.full, key)
		}
	}
}
