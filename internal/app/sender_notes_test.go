package app

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/store"
)

// Readiness has a line for each sender that sends nothing, and the metrics sum up the queue of a lane.
func TestReadinessSaysWhichSenderSendsNothing(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	if notes := m.notes(); notes != "" {
		t.Errorf("before anything happened: %s", notes)
	}
	m.Waiting("send bulk", true)
	m.Waiting("send individual by north", true)
	m.Waiting("send bulk by north", true)
	m.Waiting("send bulk by north", false)
	m.Waiting("facts", true) // waits for no mail server
	m.Queued(store.BulkLane, []store.Backlog{{Length: 3, Oldest: time.Minute}, {Sender: "north", Length: 2}},
		[]store.Backlog{{Sender: "west", Length: 5, Oldest: time.Hour}})
	want := []string{
		"note: the default sender sends nothing in the bulk lane: its mail server takes no mail; the log says why",
		"note: sender north sends nothing in the individual lane: its mail server takes no mail; the log says why",
		"note: sender_unknown: 5 mails of the bulk lane wait for the sender west, which SMTP_SENDERS does not name",
	}
	if notes := m.notes(); notes != strings.Join(want, "\n") {
		t.Errorf("readiness says:\n%s\nwant:\n%s", notes, strings.Join(want, "\n"))
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if gauge := metric.GetGauge(); gauge != nil {
				got[family.GetName()] = gauge.GetValue()
			}
		}
	}
	for name, want := range map[string]float64{
		"queue_invites": 10, "queue_oldest_seconds": 3600, "sender_queue_invites": 2, "sender_unknown_invites": 5,
	} {
		if got["portal_invites_"+name] != want {
			t.Errorf("%s is %v, want %v", name, got["portal_invites_"+name], want)
		}
	}
	m.Waiting("send bulk", false)
	m.Waiting("send individual by north", false)
	m.Queued(store.BulkLane, nil, nil)
	if notes := m.notes(); notes != "" {
		t.Errorf("after all is over: %s", notes)
	}
}
