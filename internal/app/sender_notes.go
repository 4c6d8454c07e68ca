package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"portal-invites/internal/store"
)

// senderNotes is what readiness says about senders. A worker is ready although one of them sends nothing (ADR 42), so
// these are notes. Its zero value is ready.
type senderNotes struct {
	mu      sync.Mutex                     // guards every field below
	stopped map[string]bool                // stages that wait for a mail server
	unknown map[store.Lane][]store.Backlog // what waits for senders that are not configured
}

// sendStage begins the name of each stage that waits for a mail server.
const sendStage = "send "

func (n *senderNotes) waiting(stage string, waits bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped == nil {
		n.stopped = map[string]bool{}
	}
	if waits && strings.HasPrefix(stage, sendStage) {
		n.stopped[stage] = true
	} else {
		delete(n.stopped, stage)
	}
}

// mostNamed is how many unknown senders readiness names in a lane.
const mostNamed = 10

func (n *senderNotes) lines() (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, stage := range slices.Sorted(maps.Keys(n.stopped)) {
		lane, sender, _ := strings.Cut(strings.TrimPrefix(stage, sendStage), " by ")
		if sender == "" {
			sender = "the default sender"
		} else {
			sender = "sender " + sender
		}
		lines = append(lines, fmt.Sprintf("note: %s sends nothing in the %s lane: its mail server takes no mail; "+
			"the log says why", sender, lane))
	}
	for _, lane := range slices.Sorted(maps.Keys(n.unknown)) {
		for i, b := range n.unknown[lane] {
			if i == mostNamed {
				lines = append(lines, fmt.Sprintf("note: sender_unknown: and %d more", len(n.unknown[lane])-mostNamed))
				break
			}
			lines = append(lines, fmt.Sprintf("note: sender_unknown: %d mails of the %s lane wait for the sender %s, "+
				"which SMTP_SENDERS does not name", b.Length, lane, b.Sender))
		}
	}
	return lines
}

// Queued is what a worker reports about the queue of its lane.
func (m *metrics) Queued(lane store.Lane, known, unknown []store.Backlog) {
	all, nobodys, oldest := 0, 0, time.Duration(0)
	for _, b := range slices.Concat(known, unknown) {
		all, oldest = all+b.Length, max(oldest, b.Oldest)
	}
	for _, b := range known {
		if b.Sender != "" {
			m.ofSender.WithLabelValues(string(lane), b.Sender).Set(float64(b.Length))
			m.oldestOf.WithLabelValues(string(lane), b.Sender).Set(b.Oldest.Seconds())
		}
	}
	for _, b := range unknown {
		nobodys += b.Length
	}
	m.queued.WithLabelValues(string(lane)).Set(float64(all))
	m.oldest.WithLabelValues(string(lane)).Set(oldest.Seconds())
	m.unknown.WithLabelValues(string(lane)).Set(float64(nobodys))
	m.senders.mu.Lock()
	defer m.senders.mu.Unlock()
	if m.senders.unknown == nil {
		m.senders.unknown = make(map[store.Lane][]store.Backlog)
	}
	m.senders.unknown[lane] = unknown
}

// notes are what readiness says although the process is ready.
func (m *metrics) notes() string {
	lines := m.senders.lines()
	for _, note := range []string{m.streamNote(), m.missedNote()} {
		if note != "" {
			lines = append([]string{note}, lines...)
		}
	}
	return strings.Join(lines, "\n")
}
