package api

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

func TestRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	started := time.Now().Add(-time.Minute)
	for _, mode := range []string{"invite", "resend"} {
		r.publish(acme, events.BulkInviteRequested, object{
			"mode": mode, "requested_by": "Lee Office", "selection": object{"all_clients": true}})
		r.settled()
	}
	list := func(request RunsRequest) RunsAnswer {
		t.Helper()
		answer, err := r.client.Runs(r.ctx, acme, request)
		r.must(err)
		return answer
	}
	all := list(RunsRequest{Since: started}).Runs
	if len(all) != 2 || all[0].Kind != "resend" || all[1].Kind != "invite" {
		t.Fatalf("the newest first: %+v", all)
	}
	run := all[1]
	if run.State != Completed || run.Progress != 1 || run.Selected != 5 || run.Sent != 2 || run.Skipped != 3 ||
		run.Pending != 0 ||
		run.ByReason["email_shared"] != 1 || run.RequestedBy != "Lee Office" ||
		run.Cause.Type != events.BulkInviteRequested || run.CompletedAt.IsZero() {
		t.Errorf("the run: %+v", run)
	}
	// Lee is the one who is not Primary. Lee has no email either, and both can be fixed.
	if run.ByReason["contact_not_primary"] != 1 || run.Fixable["contact_not_primary"] != 1 ||
		run.Fixable["email_shared"] != 1 {
		t.Errorf("what can be fixed: %+v", run.Fixable)
	}
	for want, request := range map[int]RunsRequest{
		1: {RunID: run.RunID.String()}, 2: {State: Completed}, 0: {State: Walking},
	} {
		if got := list(request).Runs; len(got) != want {
			t.Errorf("%+v: %d runs, want %d", request, len(got), want)
		}
	}
	if got := list(RunsRequest{Kind: "replay"}).Runs; len(got) != 0 {
		t.Errorf("replays: %+v", got)
	}
	if got := list(RunsRequest{Since: time.Now().Add(time.Hour)}).Runs; len(got) != 0 {
		t.Errorf("since a time in the future: %+v", got)
	}
	page := list(RunsRequest{Page: Page{Limit: 1}})
	if rest := list(RunsRequest{Page: Page{Limit: 1, Cursor: page.Next}}); len(rest.Runs) != 1 ||
		rest.Runs[0].RunID != run.RunID || rest.Next != "" {
		t.Errorf("the second page: %+v", rest)
	}

	// A run that is still being sent.
	_, err := r.db.Exec(r.ctx, `UPDATE runs SET completed_at = NULL, pending = 2, sent = 0 WHERE run_id = $1`, run.RunID)
	r.must(err)
	if got := list(RunsRequest{State: Sending}).Runs; len(got) != 1 || got[0].State != Sending || got[0].Progress != 0.6 {
		t.Errorf("being sent: %+v", got)
	}
	_, err = r.client.Runs(r.ctx, "other", RunsRequest{RunID: run.RunID.String()})
	refused(t, err, 404, "run_id: ")
	for begins, request := range map[string]RunsRequest{
		"run_id: must be": {RunID: "1"}, "kind: must be": {Kind: "survey"}, "state: must be": {State: "done"},
		"limit: ": {Page: Page{Limit: 5000}},
	} {
		_, err := r.client.Runs(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
	_, err = r.client.Runs(r.ctx, acme, RunsRequest{RunID: uuid.NewString()})
	refused(t, err, 404, "run_id: ")
}

// A settled reason settles a skip, even if it is not the first reason. Two contacts are not Primary. One of them is
// invited already, so only the other can be fixed.
func TestRunsCountWhatCanBeFixed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.firm(acme)
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.contact("max", "Max Lu", "max@example.com")
	r.clientRecord("c1", "*dana", "lee", "max")
	r.publish(acme, events.InviteRequested, named("c1", "lee"))
	r.settled()
	bulk := object{"mode": "invite", "requested_by": "Lee Office", "selection": object{"all_clients": true}}
	r.publish(acme, events.BulkInviteRequested, bulk)
	r.settled()
	check := func(when string, byReason, fixable int) {
		t.Helper()
		answer, err := r.client.Runs(r.ctx, acme, RunsRequest{Kind: "invite"})
		r.must(err)
		if run := answer.Runs[0]; run.ByReason[rules.ContactNotPrimary] != byReason ||
			run.Fixable[rules.ContactNotPrimary] != fixable {
			t.Errorf("%s: skipped by reason %+v, fixable %+v", when, run.ByReason, run.Fixable)
		}
	}
	check("after the run", 2, 1)

	// A replay that skips Max again changes no sum. Once Max is invited, a replay settles his skip.
	replay := object{"requested_by": "Lee", "filter": object{}}
	r.publish(acme, events.ReplayRequested, replay)
	r.settled()
	check("after a replay", 2, 1)
	r.publish(acme, events.InviteRequested, named("c1", "max"))
	r.settled()
	r.publish(acme, events.ReplayRequested, replay)
	r.settled()
	check("after another", 2, 0)
}
