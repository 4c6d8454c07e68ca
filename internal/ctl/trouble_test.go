package ctl

import (
	"strings"
	"testing"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

// Operators see which firms have trouble, and take the list to a spreadsheet.
func TestFirmsWithTrouble(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if got := r.ctl("trouble"); got.code != app.ExitOK || !strings.HasPrefix(got.err, "Nothing waits") {
		t.Errorf("before anything has happened: %+v", got)
	}
	r.office()
	r.publish(events.InviteRequested, object{"client_id": "C-1"})
	r.publish(events.BulkInviteRequested, bulkAll())
	r.scene.Settled()
	out := strings.Fields(r.ok("trouble"))
	if got := strings.Join(out[len(out)-9:], " "); got != firm+" 1 0 0 0 1 0 0 0" {
		t.Errorf("%s", got)
	}
	csv := r.ok("trouble", "-o", "csv")
	if !strings.HasPrefix(csv, "\ufefffirm_id,name,trouble,") || !strings.Contains(csv, "\n"+firm+",Acme CPA,1,") {
		t.Errorf("%s", csv)
	}
	if runs := r.ok("runs", "--firm", firm, "-o", "csv"); !strings.Contains(runs, ",invite,completed,Lee,") {
		t.Errorf("%s", runs)
	}
}

// A firm is named by INVITE_FIRM if the flag is not given.
func TestInviteFirmIsTheDefault(t *testing.T) {
	r := newRig(t)
	r.office()
	r.scene.Settled()
	t.Setenv("INVITE_FIRM", firm)
	if out := r.ok("queue"); !strings.Contains(out, "No mail of firm "+firm) {
		t.Errorf("%s", out)
	}
}
