package loop

import (
	"sync"
	"time"
)

// Pulse knows since when each stage is within one piece of work that must end soon. Each such piece has deadlines of
// its own, so one that does not end is a bug, or a machine that does not work. Only a restart helps then. It is safe
// for concurrent use, and its zero value is ready.
type Pulse struct {
	mu    sync.Mutex // guards the field below
	began map[string]time.Time
}

// Begin notes that a stage begins a piece of work. Call end when the work has ended.
func (p *Pulse) Begin(stage string) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began == nil {
		p.began = map[string]time.Time{}
	}
	p.began[stage] = time.Now()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.began, stage)
	}
}

// Oldest returns the stage whose piece of work has lasted longest, and for how long; "" if no stage has any.
func (p *Pulse) Oldest() (stage string, lasts time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, began := range p.began {
		if d := time.Since(began); stage == "" || d > lasts {
			stage, lasts = name, d
		}
	}
	return stage, lasts
}
