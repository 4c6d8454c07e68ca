package app

import (
	"fmt"
	"strings"
	"sync"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// missedNotes has the gaps in the stream that nobody has acknowledged. It is safe for concurrent use.
type missedNotes struct {
	mu   sync.Mutex // guards the field below
	open []store.EventGap
}

// EventsPlaced is what a worker reports about the durables.
func (m *metrics) EventsPlaced(durables map[string]events.DurablePlace, open []store.EventGap) {
	for name, place := range durables {
		m.oldestAge.WithLabelValues(name).Set(place.Age)
	}
	m.missed.Reset()
	for _, g := range open {
		m.missed.WithLabelValues(g.Durable).Add(float64(g.Events()))
	}
	m.gaps.mu.Lock()
	defer m.gaps.mu.Unlock()
	m.gaps.open = open
}

// missedNote says which events passed unhandled, or nothing.
func (m *metrics) missedNote() string {
	m.gaps.mu.Lock()
	defer m.gaps.mu.Unlock()
	lines := make([]string, len(m.gaps.open))
	for i, g := range m.gaps.open {
		lines[i] = fmt.Sprintf("note: durable %s has missed %d events, from %s on: sequences %d to %d passed out of %s "+
			"before they were handled; see A month in the dark in docs/operations.md", g.Durable, g.Events(),
			g.HandledAt.UTC().Format("2006-01-02 15:04 UTC"), g.First, g.Last, events.EventsStream)
	}
	return strings.Join(lines, "\n")
}
