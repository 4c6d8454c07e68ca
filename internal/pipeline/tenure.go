package pipeline

import (
	"sync"
	"time"

	"portal-invites/internal/pipeline/recovery"
)

// tenure is what a worker knows about its own lease, by its own monotonic clock. A lease that was lost and taken again
// begins a new term: what the worker claimed in an earlier term may belong to others by now. It is safe for concurrent
// use.
type tenure struct {
	lasts time.Duration

	mu      sync.Mutex // guards every field below
	term    int64
	renewed time.Time // when the last renewal that succeeded began; the lease lasts at least from then
	steady  time.Time // since when every renewal has succeeded in time
	failed  bool      // the last renewal failed
}

// Term returns the number of the present term.
func (t *tenure) Term() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.term
}

// Holds says whether the lease lasts, and its term is still this one.
func (t *tenure) Holds(term int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.term == term && t.lasts > time.Since(t.renewed)
}

// Lasts says whether the lease lasts.
func (t *tenure) Lasts() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lasts > time.Since(t.renewed)
}

// Renews says whether the last renewal has succeeded.
func (t *tenure) Renews() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.failed
}

// renew notes a renewal that began at that time and has just succeeded. kept is what the database says: whether the
// lease had not ended before. It returns for how long the lease was not renewed if that has ended a term, and 0
// otherwise.
func (t *tenure) renew(began time.Time, kept bool) (lost time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	silent := now.Sub(t.renewed)
	broken := !kept || silent >= t.lasts
	if broken {
		if t.term > 0 {
			lost = silent
		}
		t.term++
	}
	if broken || t.failed || now.Sub(began) > t.lasts/3 {
		t.steady = now
	}
	t.renewed, t.failed = began, false
	return lost
}

// fail notes a renewal that failed.
func (t *tenure) fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}

// isSteady says whether every renewal has succeeded in time, for as long as a lease lasts.
func (t *tenure) isSteady() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	return !t.failed && now.Sub(t.renewed) < t.lasts*2/3 && now.Sub(t.steady) >= t.lasts
}

// mayMail is the tenure of a worker that mails nothing while the database has gone back. It implements [deliver.Lease].
type mayMail struct {
	*tenure
	past *recovery.Watch
}

// Holds says whether what was claimed in a term may be mailed.
func (m mayMail) Holds(term int64) bool { return m.past.WentBack() == nil && m.tenure.Holds(term) }
