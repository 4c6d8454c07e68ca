package pipeline

import (
	"context"
	"time"
)

// measureEvery is how old the queue's figures may be.
const measureEvery = 15 * time.Second

// measure tells the observer how the lane's queue stands.
func (w *Worker) measure(ctx context.Context) (bool, error) {
	backlog, err := w.Store.Backlog(ctx, w.lane, w.Now())
	if err != nil {
		return false, err
	}
	w.Observer.Queued(w.lane, backlog.Length, backlog.Oldest)
	wait(ctx, nil, measureEvery)
	return true, nil
}
