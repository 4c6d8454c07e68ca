package consume

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"portal-invites/internal/events"
)

// held has the deliveries that a stage has fetched and not finished. While they wait here (for their firm's turn, for
// the database, for facts), it keeps the broker from redelivering them to other workers. But a worker that can't renew
// its lease can't decide either, so it leaves them to the others. It is safe for concurrent use.
type held struct {
	mu         sync.Mutex // guards the field below
	deliveries map[uint64]events.Delivery
}

func (h *held) add(batch []events.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deliveries == nil {
		h.deliveries = map[uint64]events.Delivery{}
	}
	for _, d := range batch {
		h.deliveries[d.At.Sequence] = d
	}
}

func (h *held) remove(batch []events.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range batch {
		delete(h.deliveries, d.At.Sequence)
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
				h.mu.Lock()
				deliveries := slices.Collect(maps.Values(h.deliveries))
				h.mu.Unlock()
				events.InProgress(deliveries)
			}
		}
	}
}
