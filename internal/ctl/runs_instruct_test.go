package ctl

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Runs are scheduled, paused, resumed and cancelled. Whoever comes second is told what was done before, with exit code
// 1, and the other runs obey all the same.
func TestRunsObey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	over := r.bulk().RunID
	r.publish(events.BulkInviteRequested, testkit.With(bulkAll(), "start_at", time.Now().Add(time.Hour)))
	r.publish(events.BulkInviteRequested, testkit.With(bulkAll(), "start_at", time.Now().Add(2*time.Hour)))
	r.scene.Handled(events.BulkDurable)
	var waiting []string
	for line := range strings.SplitSeq(r.ok("runs", "--firm", firm, "--state", "scheduled"), "\n") {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "RUN" {
			waiting = append(waiting, fields[0])
		}
	}
	if len(waiting) != 2 {
		t.Fatalf("scheduled: %q", waiting)
	}
	asked := func(action string, runs ...string) []string {
		return append([]string{"runs", action, "--firm", firm, "--by", "dana", "--reason", "a test"}, runs...)
	}
	mustHave(t, r.ok(asked("pause", waiting[0])...), "run "+waiting[0], ": paused")
	mustHave(t, r.ok("runs", "--firm", firm, waiting[0]), "paused", "by dana: a test")
	refused := func(args []string, words ...string) {
		t.Helper()
		s := r.ctl(args...)
		mustHave(t, s.err, words...)
		if s.code != 1 {
			t.Errorf("%q: exit code %d, want 1", args, s.code)
		}
	}
	refused(asked("pause", waiting[0]), ": paused by dana at ")
	mustHave(t, r.ok(asked("resume", waiting[0])...), ": resumed")
	mustHave(t, r.ok(append(asked("schedule", waiting[1]), "--at", "2126-03-08T08:00:00-05:00")...),
		": scheduled for 2126-03-08 13:00:00 UTC")
	s := r.ctl(append(asked("schedule", waiting[1]), "--at", "2126-03-08T08:00:00")...)
	if mustHave(t, s.err, "--at"); s.code != 2 {
		t.Errorf("a time without an offset: exit code %d, want 2", s.code)
	}
	s = r.ctl(asked("cancel", waiting[0], over, waiting[1])...)
	mustHave(t, s.err, "run "+over+": completed at ")
	if strings.Count(s.out, ": cancelled; ") != 2 || s.code != 1 {
		t.Errorf("of three runs one is over: %q, exit code %d", s.out, s.code)
	}
	refused(asked("cancel", waiting[0]), ": cancelled by dana at ")
	mustHave(t, r.ok("runs", "--firm", firm, waiting[0]), "cancelled", "4 recipients not reached. To walk on there:")
	refused(asked("cancel", "0123abcd"), "0123abcd")
}
