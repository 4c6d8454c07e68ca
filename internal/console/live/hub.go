package live

import (
	"context"
	"sync"
	"time"
)

// Hub has a reader for each firm that is watched.
type Hub struct {
	// reader returns how a reader asks with a credential.
	reader func(credential string) Ask

	mu      sync.Mutex
	feeds   map[key]*running
	stopped bool
	ctx     context.Context //nolint:containedctx // readers outlive the requests that start them, and end with the hub
	stop    context.CancelFunc
	wait    sync.WaitGroup
}

// key names a reader. Readers of different credentials are not shared: the broker's permissions are the wall.
type key struct{ credential, firm string }

type running struct {
	*feed
	end context.CancelFunc
}

// NewHub returns a hub without readers.
func NewHub(reader func(credential string) Ask) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	return &Hub{reader: reader, feeds: map[key]*running{}, ctx: ctx, stop: stop}
}

// Close ends all readers and waits for them.
func (h *Hub) Close() {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.stop()
	h.wait.Wait()
}

// join returns the reader of a firm, and starts it if there is none. The caller must call leave.
func (h *Hub) join(credential, firm string) (f *feed, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := key{credential, firm}
	of := h.feeds[k]
	if of == nil {
		ctx, cancel := context.WithCancel(h.ctx)
		of = &running{newFeed(firm, h.reader(credential)), cancel}
		h.feeds[k] = of
		if !h.stopped {
			h.wait.Go(func() { of.run(ctx) })
		}
	}
	of.watchers++
	return of.feed, sync.OnceFunc(func() { h.leave(k, of) })
}

func (h *Hub) leave(k key, of *running) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of.watchers--
	of.left = time.Now()
	if of.watchers > 0 || h.stopped {
		return
	}
	time.AfterFunc(lingers, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if of.watchers == 0 && time.Since(of.left) >= lingers && h.feeds[k] == of {
			delete(h.feeds, k)
			of.end()
		}
	})
}

// Readers is how many readers there are.
func (h *Hub) Readers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.feeds)
}
