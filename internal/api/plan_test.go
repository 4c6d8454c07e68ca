package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// plan explains a bulk request of a firm, and returns its plan.
func (r *rig) plan(firm string, request ExplainRequest) Plan {
	r.t.Helper()
	request.Plan, request.Limit = true, 1
	answer, err := r.client.Explain(r.ctx, firm, request)
	r.must(err)
	if answer.Plan == nil || answer.Plan.ID == uuid.Nil {
		r.t.Fatalf("no plan: %+v", answer)
	}
	if left := time.Until(answer.Plan.ExpiresAt); left < 23*time.Hour || left > 25*time.Hour {
		r.t.Errorf("the plan is kept for %s", left)
	}
	return *answer.Plan
}

// runOf waits for the run of a bulk request, and returns it with what runs says of it alone.
func (r *rig) runOf(event string, stands func(Run) bool) (found Run) {
	r.t.Helper()
	testenv.Eventually(r.t, time.Minute, func() error {
		answer, err := r.client.Runs(r.ctx, acme, RunsRequest{})
		if err != nil {
			return err
		}
		for _, run := range answer.Runs {
			if run.Cause.ID != event {
				continue
			}
			one, err := r.client.Runs(r.ctx, acme, RunsRequest{RunID: run.RunID.String()})
			if err != nil {
				return err
			}
			if found = one.Runs[0]; stands(found) {
				return nil
			}
		}
		return errTooFew
	})
	return found
}

func completed(run Run) bool { return run.State == Completed }

func paused(run Run) bool { return run.Paused != nil }

var everyClient = ExplainRequest{Selection: &events.Selection{AllClients: true}}

// A run with a plan mails those who were shown. If it would mail anybody else, or somebody at another address, it
// pauses before the first mail and says who that is. A person lets it go, or ends it.
func TestARunDoesWhatWasExplained(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	shown := r.plan(acme, everyClient)
	r.contact("lee", "Lee Ray", "lee@example.com") // is not Primary, so this changes nobody who is mailed
	r.contact("dana", "Dana Wu", "dana.wu@example.com")
	r.contact("new", "Nora New", "nora@example.com")
	r.clientRecord("c5", "*new")
	r.settled()
	id := r.publish(acme, events.BulkInviteRequested, with(bulkAll(), "plan", shown.ID))
	run := r.runOf(id, paused)
	// Sam's email was Dana's: since the correction, it is his own.
	want := []string{"c1/dana", "c2/sam", "c3/dana", "c5/new"}
	var got []string
	for _, p := range run.NotPlannedRecipients {
		got = append(got, p.ClientID+"/"+p.Recipient.ContactID)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || run.NotPlanned != len(want) || run.Plan == nil ||
		*run.Plan != shown.ID || run.Holds || run.Sent != 0 || run.Pending != 4 {
		t.Errorf("paused: %+v", run)
	}
	if why := "not in the plan: 4 of the 4 recipients that it would mail"; run.Paused.Reason != why ||
		run.Paused.By != events.OutcomeSource {
		t.Errorf("paused: %+v", run.Paused)
	}
	testenv.Eventually(t, time.Minute, func() error {
		if r.published(events.RunPaused) == 0 {
			return errors.New("RunPaused is not published")
		}
		return nil
	})
	if o := r.scene().Published(events.RunPaused); len(o) != 1 || o[0].RequestedBy != events.OutcomeSource ||
		o[0].Selected != run.Selected || o[0].Pending != 4 || o[0].InFlight != 0 {
		t.Errorf("told: %+v", o)
	}
	if n := len(r.mailbox.Messages()); n != 0 {
		t.Fatalf("%d mails have left", n)
	}
	r.publish(acme, events.RunCancelRequested, testkit.ToRun(run.RunID.String(), "Ann"))
	r.runOf(id, completed)

	// Shown anew, it goes on by itself. One of them is archived meanwhile, and is skipped with the reason.
	shown = r.plan(acme, everyClient)
	r.publish(acme, events.ClientUpserted, with(testkit.ClientData("c5", "*new"), "active", false))
	r.settled()
	id = r.publish(acme, events.BulkInviteRequested, with(bulkAll(), "plan", shown.ID))
	run = r.runOf(id, completed)
	if run.Sent != 3 || run.NotPlanned != 0 || run.Holds || run.Paused != nil {
		t.Errorf("as planned: %+v", run)
	}

	// The same event again is no replay: whoever could be invited by now was not shown.
	r.publish(acme, events.ClientUpserted, testkit.ClientData("c1", "*dana", "*lee"))
	r.settled()
	r.scene().PublishAs(id, events.BulkInviteRequested, with(bulkAll(), "plan", shown.ID))
	r.settled()
	if n := len(r.mailbox.Messages()); n != 3 {
		t.Errorf("%d mails after the event came again, want 3", n)
	}

	// Somebody who has looked lets a paused run go.
	id = r.publish(acme, events.BulkInviteRequested, with(bulkAll(), "plan", shown.ID))
	run = r.runOf(id, paused)
	if run.NotPlanned != 1 || run.NotPlannedRecipients[0].Recipient.ContactID != "lee" {
		t.Errorf("one more: %+v", run)
	}
	r.publish(acme, events.RunResumeRequested, testkit.ToRun(run.RunID.String(), "Ann"))
	if run = r.runOf(id, completed); run.Sent != 1 {
		t.Errorf("resumed: %+v", run)
	}
}

// A plan of another firm, an expired plan and a plan of another selection are errors that name the field. Nobody is
// mailed, and a firm does not learn whether another firm has such a plan.
func TestAPlanThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.firm("other")
	r.office()
	ours := r.plan(acme, ExplainRequest{Selection: &events.Selection{ClientIDs: []string{"c2", "c1"}}})
	theirs, expired := r.plan("other", everyClient), r.plan(acme, everyClient)
	_, err := r.db.Exec(r.ctx, `UPDATE plans SET expires_at = now() - interval '1 minute' WHERE plan_id = $1`, expired.ID)
	r.must(err)
	const none = "plan: this firm has no such plan any more, or never had: plans are kept for a day; " +
		"ask explain for a new plan, and publish the request under a new ce-id with it"
	refusedFor := map[string]string{}
	for name, c := range map[string]struct {
		data object
		want string
	}{
		"of another firm":      {with(bulkAll(), "plan", theirs.ID), none},
		"of nobody":            {with(bulkAll(), "plan", uuid.New()), none},
		"expired":              {with(bulkAll(), "plan", expired.ID), "plan: has expired at "},
		"of another selection": {with(bulkAll(), "plan", ours.ID), "plan: is of another selection, mode or to; ask"},
		"of another mode":      {with(with(bulkOf("c1", "c2"), "plan", ours.ID), "mode", "resend"), "plan: is of another"},
	} {
		refusedFor[r.publish(acme, events.BulkInviteRequested, c.data)] = name + "|" + c.want
	}
	for _, letter := range r.letters(acme, len(refusedFor)) {
		name, want, _ := strings.Cut(refusedFor[letter.EventID], "|")
		if name == "" || !strings.HasPrefix(letter.Reason, want) {
			t.Errorf("%s: %q, want %q", name, letter.Reason, want)
		}
	}
	if runs, err := r.client.Runs(r.ctx, acme, RunsRequest{}); err != nil || len(runs.Runs) != 0 {
		t.Errorf("%+v, %v", runs, err)
	}
	// The client ids are a set.
	id := r.publish(acme, events.BulkInviteRequested, with(bulkOf("c1", "c2", "c1"), "plan", ours.ID))
	if run := r.runOf(id, completed); run.Sent != 1 || run.NotPlanned != 0 {
		t.Errorf("the same set: %+v", run)
	}
	for _, c := range []struct {
		ask  ExplainRequest
		want string
	}{
		{
			ExplainRequest{ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}}},
			"plan: goes with selection only",
		},
		{ExplainRequest{Filter: &events.Filter{}}, "plan: goes with selection only"},
		{ExplainRequest{Selection: &events.Selection{AllClients: true}, Assume: []AssumedFact{
			r.fact(events.ContactRemoved, object{"contact_id": "dana"}),
		}}, "plan: can't be combined with assume"},
	} {
		c.ask.Plan = true
		_, err := r.client.Explain(r.ctx, acme, c.ask)
		refused(t, err, 400, c.want)
	}
}

// max_recipients is a guard without an explanation: a run that would mail more people pauses before the first mail.
func TestARunOfTooManyRecipientsPauses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.contact("sam", "Sam Ode", "sam@example.com") // otherwise a replay takes one of the two who share an email
	r.settled()
	few := r.publish(acme, events.BulkInviteRequested, with(bulkAll(), "max_recipients", 2))
	run := r.runOf(few, paused)
	if why := "it would mail 3 recipients, and max_recipients is 2"; run.Paused.Reason != why || run.MaxRecipients != 2 ||
		run.Sent != 0 || run.NotPlanned != 0 {
		t.Errorf("paused: %+v, %+v", run, run.Paused)
	}
	r.publish(acme, events.RunCancelRequested, testkit.ToRun(run.RunID.String(), "Ann"))
	r.runOf(few, completed)
	if n := len(r.mailbox.Messages()); n != 0 {
		t.Errorf("%d mails have left", n)
	}
	// A replay that names the cancelled run is what somebody asks for who has looked.
	r.publish(acme, events.ReplayRequested, testkit.Replay(object{"run_id": run.RunID}))
	r.settled()
	if n := len(r.mailbox.Messages()); n != 3 {
		t.Errorf("%d mails after the replay, want 3", n)
		for _, o := range r.scene().Published() {
			t.Log(o.Type, o.Raw)
		}
	}
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.clientRecord("c4", "*lee")
	r.settled()
	enough := r.publish(acme, events.BulkInviteRequested, with(bulkAll(), "max_recipients", 1))
	if run := r.runOf(enough, completed); run.Sent != 1 {
		t.Errorf("not more than that: %+v", run)
	}
	nobody := r.publish(acme, events.BulkInviteRequested, with(bulkAll(), "max_recipients", 1))
	if run := r.runOf(nobody, completed); run.Sent != 0 || run.Holds {
		t.Errorf("nobody: %+v", run)
	}
}

// Only the newest plans of a firm are kept, so nobody fills the database with plans.
func TestAFirmKeepsItsNewestPlans(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	first := r.plan(acme, everyClient)
	for range 20 {
		r.plan(acme, everyClient)
	}
	if n := testkit.Query[int](r.scene(), `SELECT count(*) FROM plans`); n != 20 {
		t.Errorf("%d plans", n)
	}
	if n := testkit.Query[int](r.scene(), `SELECT count(*) FROM plans WHERE plan_id = $1`, first.ID); n != 0 {
		t.Error("the oldest plan is kept")
	}
}
