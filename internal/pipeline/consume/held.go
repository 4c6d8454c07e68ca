package consume

import (
	"context"
	"sync"
	"time"

	"portal-invites/internal/events"
)

// held has the batches that a stage has fetched and not finished. While they wait here (for the batch before them, for
// the database, for facts), it keeps the broker from redelivering them to other workers. But a worker that can't renew
// its lease can't decide either, so it leaves them to the others. It is safe for concurrent use.
type held struct {
	mu      sync.Mutex // guards the other fields
	batches map[int][]events.Delivery
	last    int
}

// add holds a batch until release is called.
func (h *held) add(batch []events.Delivery) (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.batches == nil {
		h.batches = map[int][]events.Delivery{}
	}
	h.last++
	id := h.last
	h.batches[id] = batch
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.batches, id)
	}
}

// reportProgress asks the broker for more time while the worker is alive, again and again until the context ends.
func (h *held) reportProgress(ctx context.Context, every time.Duration, alive func() bool) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if alive() {
				h.inProgress()
			}
		}
	}
}

func (h *held) inProgress() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, batch := range h.batches {
		events.InProgress(batch)
	}
}
