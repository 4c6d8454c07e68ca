package ctl

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/api"
)

func TestAFirmIsPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	mustHave(t, r.ctl("firm").err, "No firm is paused.")
	change := []string{"--firm", firm, "--reason", "a bad list", "--by", "dana"}
	mustHave(t, r.ok(append([]string{"firm", "pause"}, change...)...), "Firm acme is paused.")
	mustHave(t, r.ok("firm"), "FIRM LANES SINCE (UTC) CAUSE BY WHY", "acme both", "operator dana a bad list")
	mustHave(t, r.ok("firm", "list", "-o", "json"), `"firm_id":"acme","paused":true,"cause":"operator"`)
	mustHave(t, r.ok("queue", "--firm", firm), "The firm is paused (firm_paused)", "dana has paused it at")
	again := r.ctl(append([]string{"firm", "pause"}, change...)...)
	mustHave(t, again.err, "firm acme is paused already: dana has paused it at")
	if again.code != 1 {
		t.Errorf("the exit code of the second pause is %d, want 1", again.code)
	}
	mustHave(t, r.ok(append([]string{"firm", "resume"}, change...)...), "The mails of firm acme leave again.")
	mustHave(t, r.ok(append([]string{"firm", "pause", "--lane", "bulk"}, change...)...),
		"The bulk lane of firm acme is paused. Its mails wait until: invitectl firm resume --firm acme --lane bulk")
	mustHave(t, r.ok("queue", "--firm", firm), "bulk: this lane of the firm is paused (firm_paused)", "resume --lane bulk")
	mustHave(t, r.ok("firm"), "acme bulk")
	mustHave(t, r.ctl(append([]string{"firm", "resume"}, change...)...).err, "paused now: bulk")
	mustHave(t, r.ok(append([]string{"firm", "resume", "--lane", "bulk"}, change...)...),
		"The mails of the bulk lane of firm acme leave again.")
	mustHave(t, r.ctl("firm", "resume", "--firm", "nobody", "--reason", "x").err, "no FirmUpserted has come")
	mustHave(t, r.ctl("firm", "pause", "--firm", firm).err, "missing flags: --reason=TEXT")
}

func TestTheQueueSaysWhichRunsArePaused(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	run, at := uuid.New(), time.Date(2026, 11, 22, 12, 50, 0, 0, time.UTC)
	(&queueCmd{service: service{Firm: firm}}).show(&out, api.QueueAnswer{PausedRuns: []api.PausedRun{
		{RunID: run, At: at, By: "Ann", Reason: "the wrong list", Pending: 900},
	}}, at)
	mustHave(t, out.String(), "900 mails wait", "of run "+run.String(),
		"paused since 2026-11-22 12:50 UTC by Ann: the wrong list", "invitectl runs resume --firm acme "+run.String())
}
