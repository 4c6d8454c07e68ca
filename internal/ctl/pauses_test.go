package ctl

import "testing"

func TestAFirmIsPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	mustHave(t, r.ctl("firm").err, "No firm is paused.")
	change := []string{"--firm", firm, "--reason", "a bad list", "--by", "dana"}
	mustHave(t, r.ok(append([]string{"firm", "pause"}, change...)...), "Firm acme is paused.")
	mustHave(t, r.ok("firm"), "FIRM SINCE (UTC) CAUSE BY WHY", "acme", "operator dana a bad list")
	mustHave(t, r.ok("firm", "list", "-o", "json"), `"firm_id":"acme","paused":true,"cause":"operator"`)
	mustHave(t, r.ok("queue", "--firm", firm), "The firm is paused (firm_paused)", "dana has paused it at")
	again := r.ctl(append([]string{"firm", "pause"}, change...)...)
	mustHave(t, again.err, "firm acme is paused already: dana has paused it at")
	if again.code != 1 {
		t.Errorf("the exit code of the second pause is %d, want 1", again.code)
	}
	mustHave(t, r.ok(append([]string{"firm", "resume"}, change...)...), "The mails of firm acme leave again.")
	mustHave(t, r.ctl("firm", "resume", "--firm", "nobody", "--reason", "x").err, "no FirmUpserted has come")
	mustHave(t, r.ctl("firm", "pause", "--firm", firm).err, "missing flags: --reason=TEXT")
}
