package api

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/testkit"
)

// The recipients of a run are listed by outcome and reason. They agree with the run's sums.
func TestTheRecipientsOfARun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	for i := range 5 {
		id := fmt.Sprintf("n%d", i)
		r.contact(id, "Nora "+id, "")
		r.clientRecord("x"+id, "*"+id)
	}
	r.publish(acme, events.InviteRequested, named("c3", "dana")) // its invite belongs to no run
	r.publish(acme, events.BulkInviteRequested, bulkAll())
	r.settled()
	runs, err := r.client.Runs(r.ctx, acme, RunsRequest{})
	r.must(err)
	run := runs.Runs[0]
	all := func(request RecipientsRequest) (list []RunRecipient) {
		t.Helper()
		request.RunID, request.Limit = run.RunID.String(), 2
		for {
			answer, err := r.client.Recipients(r.ctx, acme, request)
			r.must(err)
			if list = append(list, answer.Recipients...); answer.Next == "" {
				return list
			}
			request.Cursor = answer.Next
		}
	}
	if got := all(RecipientsRequest{}); len(got) != run.Selected {
		t.Errorf("%d of %d recipients", len(got), run.Selected)
	}
	for outcome, n := range map[InviteOutcome]int{
		SentOutcome: run.Sent, SkippedOutcome: run.Skipped, FailedOutcome: run.Failed, PendingOutcome: run.Pending,
	} {
		if got := all(RecipientsRequest{Outcome: outcome}); len(got) != n {
			t.Errorf("%s: %d, want %d", outcome, len(got), n)
		}
	}
	for reason, n := range run.ByReason {
		got := all(RecipientsRequest{Reason: reason})
		if len(got) != n || got[0].Reason != reason || got[0].Reasons[0].Explanation == "" {
			t.Errorf("%s: %+v, want %d", reason, got, n)
		}
	}
	missing := all(RecipientsRequest{Reason: rules.EmailMissing, Outcome: SkippedOutcome, Locale: "es"})
	if len(missing) != 5 || missing[0].Outcome != SkippedOutcome || missing[0].Recipient.Name == "" ||
		missing[0].ClientName == "" || missing[0].Reasons[0].Explanation == all(RecipientsRequest{
		Reason: rules.EmailMissing})[0].Reasons[0].Explanation {
		t.Errorf("in Spanish: %+v", missing)
	}

	// The recipients of a replay are those that it has decided.
	r.contact("n0", "Nora n0", "n0@example.com")
	replay := r.publish(acme, events.ReplayRequested, testkit.Replay(object{"run_id": run.RunID.String()}))
	r.settled()
	runs, err = r.client.Runs(r.ctx, acme, RunsRequest{Kind: "replay"})
	r.must(err)
	replayed, err := r.client.Recipients(r.ctx, acme, RecipientsRequest{
		RunID: runs.Runs[0].RunID.String(), Outcome: SentOutcome})
	r.must(err)
	if len(replayed.Recipients) != 1 || replayed.Recipients[0].Recipient.ContactID != "n0" ||
		replayed.Recipients[0].SentAt.IsZero() {
		t.Errorf("of the replay %s: %+v", replay, replayed)
	}

	_, err = r.client.Recipients(r.ctx, "other", RecipientsRequest{RunID: run.RunID.String()})
	refused(t, err, 404, "run_id: ")
	_, err = r.client.Recipients(r.ctx, acme, RecipientsRequest{RunID: uuid.NewString()})
	refused(t, err, 404, "run_id: ")
	first, err := r.client.Recipients(r.ctx, acme, RecipientsRequest{RunID: run.RunID.String(), Page: Page{Limit: 1}})
	r.must(err)
	for begins, request := range map[string]RecipientsRequest{
		"run_id: missing":        {},
		"run_id: must be":        {RunID: "1"},
		"outcome: must be":       {RunID: run.RunID.String(), Outcome: "queued"},
		"reason: is not":         {RunID: run.RunID.String(), Reason: "bad_luck"},
		"reason: only who was":   {RunID: run.RunID.String(), Reason: rules.EmailMissing, Outcome: SentOutcome},
		"locale: must be":        {RunID: run.RunID.String(), Locale: "a language"},
		"cursor: is not the nex": {RunID: run.RunID.String(), Outcome: SentOutcome, Page: Page{Cursor: first.Next}},
	} {
		_, err := r.client.Recipients(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
}

// A recipient whose mail the server has refused says why.
func TestARecipientWhoseMailFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.publish(acme, events.BulkInviteRequested, bulkOf("c1"))
	r.settled()
	runs, err := r.client.Runs(r.ctx, acme, RunsRequest{})
	r.must(err)
	failed, err := r.client.Recipients(r.ctx, acme, RecipientsRequest{
		RunID: runs.Runs[0].RunID.String(), Outcome: FailedOutcome})
	r.must(err)
	if len(failed.Recipients) != 1 || failed.Recipients[0].Failure == nil {
		t.Fatalf("%+v", failed.Recipients)
	}
	if failure := *failed.Recipients[0].Failure; failure.SMTPCode != 550 || failure.Explanation == "" {
		t.Errorf("%+v", failure)
	}
}
