package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// standstills has the durables that stand still, for readiness. It is safe for concurrent use.
type standstills struct {
	mu sync.Mutex // guards the field below
	at map[string]uint64
}

// StoodStill is what a worker reports about a durable.
func (m *metrics) StoodStill(durable string, sequence uint64, lasts time.Duration) {
	m.stalled.WithLabelValues(durable).Set(lasts.Seconds())
	s := &m.standstills
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[string]uint64{}
	}
	if lasts == 0 {
		delete(s.at, durable)
	} else {
		s.at[durable] = sequence
	}
}

// durablesMove is a readiness check. It names each durable that stands still, and the message that is not handled.
func (m *metrics) durablesMove(context.Context) error {
	s := &m.standstills
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for durable, sequence := range s.at {
		all = append(all, fmt.Sprintf("%s stands still before sequence %d", durable, sequence))
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return shownError{strings.Join(all, "; ")}
}
