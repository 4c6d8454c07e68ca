package app

import (
	"testing"
	"time"
)

func TestReadinessNamesADurableThatStandsStill(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	must := func(want string) {
		t.Helper()
		got := ""
		if err := m.durablesMove(t.Context()); err != nil {
			got = shown(err)
		}
		if got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	must("")
	m.StoodStill("invite-worker", 7, time.Minute)
	m.StoodStill("facts", 3, time.Minute)
	must("facts stands still before sequence 3; invite-worker stands still before sequence 7")
	m.StoodStill("facts", 0, 0)
	must("invite-worker stands still before sequence 7")
	m.StoodStill("invite-worker", 0, 0)
	must("")
}
