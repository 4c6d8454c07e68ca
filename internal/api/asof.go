package api

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"portal-invites/internal/events"
)

// AsOf is a place in the stream of outcomes. Everything that an answer says includes all outcomes up to there. Whoever
// reads on from it misses none (ADR 157).
type AsOf struct {
	Stream   string    `json:"stream"`
	Created  time.Time `json:"created"` // when the broker made the stream; a stream that is made anew begins again
	Sequence uint64    `json:"sequence"`
}

const (
	// asOfEvery is how often a process asks how far the stream is, at most. An older place is as exact.
	asOfEvery = time.Second
	// asOfWithin is how long an answer may wait for that, if the stream is away.
	asOfWithin = 500 * time.Millisecond
)

// newestOutcome knows a recent place of the stream.
type newestOutcome struct {
	known atomic.Pointer[AsOf]

	mu    sync.Mutex // whoever has it asks
	asked time.Time
}

// asOf returns a place that the stream had before the call; nil if none is known yet. The caller reads the database
// after that. An outcome is published after its commit, so the database has everything up to the place.
func (s *server) asOf(ctx context.Context) *AsOf {
	n := &s.newest
	if known := n.known.Load(); known == nil {
		n.mu.Lock()
	} else if !n.mu.TryLock() {
		return known // somebody asks, and that may take long
	}
	defer n.mu.Unlock()
	if time.Since(n.asked) < asOfEvery {
		return n.known.Load()
	}
	ctx, cancel := context.WithTimeout(ctx, asOfWithin)
	defer cancel()
	made, last, err := events.OutcomeStream(ctx, s.Answers.JS)
	n.asked = time.Now()
	if err == nil {
		n.known.Store(&AsOf{Stream: events.OutcomesStream, Created: made.UTC(), Sequence: last})
	}
	return n.known.Load()
}
