package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
)

// Readiness names a durable that is ahead of its stream, and mentions for a day that the stream went back.
func TestReadinessTellsOfTheStream(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	h := &health{checks: map[string]check{"stream": m.streamReady}, note: m.streamNote}
	h.started()
	const ready = "ready\n"
	noon := time.Now().Add(-time.Hour)
	note := "note: the stream of events went back at " + noon.UTC().Format("2006-01-02 15:04 UTC") +
		"; publish again what it has lost\n"
	for _, c := range []struct {
		state *pipeline.StreamState
		code  int
		body  string
	}{
		{nil, http.StatusOK, ready},
		{&pipeline.StreamState{Epochs: 1}, http.StatusOK, ready},
		{&pipeline.StreamState{Epochs: 2, WentBack: noon}, http.StatusOK, ready + note},
		{&pipeline.StreamState{Epochs: 2, WentBack: noon.Add(-24 * time.Hour)}, http.StatusOK, ready},
		{
			&pipeline.StreamState{Epochs: 2, WentBack: noon, Ahead: map[string]uint64{"facts": 1050}},
			http.StatusServiceUnavailable,
			"stream: durable facts is at sequence 1050, which stream PORTAL_EVENTS does not have: reset it\n",
		},
	} {
		if c.state != nil {
			m.StreamCompared(*c.state)
		}
		answer := httptest.NewRecorder()
		h.readyz(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if answer.Code != c.code || answer.Body.String() != c.body {
			t.Errorf("%+v: %d %q, want %d %q", c.state, answer.Code, answer.Body, c.code, c.body)
		}
	}
}

// Readiness tells of each durable that has missed events until that is acknowledged, and stays ready.
func TestReadinessTellsOfMissedEvents(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	noon := time.Date(2026, 10, 2, 12, 0, 0, 0, time.UTC)
	m.EventsPlaced(nil, []store.EventGap{{Durable: "facts", First: 8811, Last: 9002, HandledAt: noon}})
	want := "note: durable facts has missed 192 events, from 2026-10-02 12:00 UTC on: sequences 8811 to 9002 passed out " +
		"of PORTAL_EVENTS before they were handled; see A month in the dark in docs/operations.md"
	if notes := m.notes(); notes != want {
		t.Errorf("the notes are %q, want %q", notes, want)
	}
	m.EventsPlaced(nil, nil)
	if notes := m.notes(); notes != "" {
		t.Errorf("after it was acknowledged: %q", notes)
	}
}
