package ctl

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

func TestReplayAfterAFix(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	run := r.bulk()
	if run.Sent != 2 || run.Skipped != 2 {
		t.Fatalf("%+v", run)
	}

	r.contact("P-4", "Kim Lee", "kim@x.example")
	out := r.ok("replay", "--firm", firm, "--run", run.RunID, "--wait")
	mustHave(t, out, "replay ", " has completed. 2 selected = 1 sent + 1 skipped + 0 failed + 0 pending",
		"1 contact_not_primary yes")
	mails, err := r.mailbox.Wait(r.ctx, 3)
	r.must(err)
	if len(mails) != 3 || mails[2].To[0] != "kim@x.example" {
		t.Errorf("%d mails, the last one to %v", len(mails), mails[len(mails)-1].To)
	}

	// What was fixed is not decided again.
	var completed struct{ Selected, Sent, Skipped int }
	out = r.ok("replay", "--firm", firm, "--watch", "-o", "json")
	r.must(json.Unmarshal([]byte(out), &completed))
	if completed.Selected != 1 || completed.Sent != 0 || completed.Skipped != 1 {
		t.Errorf("%+v", completed)
	}
	if n := len(r.mailbox.Messages()); n != 3 {
		t.Errorf("%d mails", n)
	}
}

func TestReplayOfNothingSaysWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	says := func(want string, args ...string) {
		t.Helper()
		args = append([]string{"replay", "--firm", firm}, args...)
		for _, way := range []string{"--dry-run", "--wait"} {
			mustHave(t, r.ok(append(args, way)...), "There is nothing to decide again", want)
		}
	}
	says("no invite of firm acme was skipped or failed")

	invite := func() {
		r.publish(events.InviteRequested, testkit.InviteData("C-1", testkit.Contact("P-1")))
	}
	invite()
	invite()
	r.scene.Settled()
	says("every invite that did not go out is settled") // the second one is already_invited

	r.bulk()
	says("none of them matches", "--client", "C-nobody")
	var preview explanation
	out := r.ok("replay", "--firm", firm, "--client", "C-nobody", "--dry-run", "-o", "json")
	r.must(json.Unmarshal([]byte(out), &preview))
	if preview.Totals.Nothing != api.NoMatch {
		t.Errorf("the answer says %q", preview.Totals.Nothing)
	}
	preview = explanation{}
	r.must(json.Unmarshal([]byte(r.ok("replay", "--firm", firm, "--dry-run", "-o", "json")), &preview))
	if preview.Totals.Selected == 0 || preview.Totals.Nothing != "" {
		t.Errorf("%+v", preview.Totals)
	}
}

func TestReplayExitsWithOneIfAMailFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.mailbox.Refuse("kim@x.example", 550, [3]int{5, 1, 1}, "no such user")
	r.bulk()
	r.contact("P-4", "Kim Lee", "kim@x.example")
	s := r.ctl("replay", "--firm", firm, "--reason", "email_missing", "--wait")
	if s.code != app.ExitFailed ||
		!strings.Contains(s.err, "1 mail could not be delivered: invitectl outcomes --firm acme --run ") {
		t.Errorf("exit code %d: %s", s.code, s.err)
	}
	mustHave(t, s.out, "1 selected = 0 sent + 0 skipped + 1 failed + 0 pending")
}

func TestReplayWithoutWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office() // seven facts
	r.applied()
	mustHave(t, r.ok("replay", "--firm", firm), "The replay is requested (sequence 8).", "invitectl runs --firm acme")
	var accepted replayAccepted
	r.must(json.Unmarshal([]byte(r.ok("replay", "--firm", firm, "-o", "json")), &accepted))
	if accepted.Sequence != 9 || accepted.Firm != firm || accepted.ID == "" {
		t.Errorf("%+v", accepted)
	}
}

func TestReplayStopsWaitingWhenItIsAskedTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, stop := context.WithCancel(r.ctx)
	stop()
	if s := r.ctlWith(ctx, "", "replay", "--firm", firm, "--wait"); s.code != app.ExitFailed {
		t.Errorf("exit code %d: %s", s.code, s.err)
	}
}
