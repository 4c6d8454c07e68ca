package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"portal-invites/internal/pipeline"
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
