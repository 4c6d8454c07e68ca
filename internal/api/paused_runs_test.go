package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// A run is paused while its mails wait. The queue, the status of whoever waits, and the run's recipients say since
// when, by whom and why.
func TestWhoeverWaitsInAPausedRunIsToldSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.mailbox.Down() // so that all of it waits
	r.publish(acme, events.BulkInviteRequested, bulkOf("c1"))
	var run uuid.UUID
	testenv.Eventually(t, testenvPatience, func() error {
		return r.db.QueryRow(r.ctx, `SELECT run_id FROM runs WHERE pending > 0`).Scan(&run)
	})
	testenv.Eventually(t, testenvPatience, func() error { // from then on, nothing is claimed
		var tried bool
		err := r.db.QueryRow(r.ctx, `SELECT EXISTS (SELECT FROM attempts WHERE finished_at IS NOT NULL)`).Scan(&tried)
		if err == nil && !tried {
			err = errors.New("the mail server was not tried")
		}
		return err
	})
	r.publish(acme, events.RunPauseRequested, with(testkit.ToRun(run.String(), "Ann"), "reason", "the wrong list"))
	right := func(p *PausedRun) bool {
		return p != nil && p.RunID == run && p.By == "Ann" && p.Reason == "the wrong list" && !p.At.IsZero()
	}
	var s Status
	testenv.Eventually(t, testenvPatience, func() error {
		status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
		if err != nil {
			return err
		}
		if s = status.Statuses[0]; s.LastInvite.Postponed != rules.RunPaused {
			return fmt.Errorf("status: %+v, %+v", s, s.LastInvite)
		}
		return nil
	})
	if !right(s.LastInvite.PausedRun) || s.State != Queued || !strings.Contains(s.Sentence, "Ann paused the run on ") ||
		len(s.Remedies) != 1 || !strings.HasPrefix(s.Remedies[0], "Resume the run") {
		t.Errorf("status: %+v, %+v", s, s.LastInvite)
	}
	queue, err := r.client.Queue(r.ctx, acme, QueueRequest{})
	r.must(err)
	if len(queue.PausedRuns) != 1 || !right(&queue.PausedRuns[0]) || queue.PausedRuns[0].Pending != 1 ||
		queue.Lanes[1].RunPaused != 1 || queue.Postponed != "" {
		t.Errorf("the queue: %+v", queue)
	}
	recipients, err := r.client.Recipients(r.ctx, acme, RecipientsRequest{RunID: run.String(), Outcome: PendingOutcome})
	r.must(err)
	if len(recipients.Recipients) != 1 || recipients.Recipients[0].Postponed != rules.RunPaused {
		t.Errorf("recipients: %+v", recipients)
	}
	r.publish(acme, events.RunResumeRequested, testkit.ToRun(run.String(), "Bob"))
	testenv.Eventually(t, testenvPatience, func() error {
		queue, err := r.client.Queue(r.ctx, acme, QueueRequest{})
		if err == nil && (len(queue.PausedRuns) > 0 || queue.Lanes[1].RunPaused > 0) {
			err = fmt.Errorf("the queue: %+v", queue)
		}
		return err
	})
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	if err != nil || status.Statuses[0].LastInvite.PausedRun != nil {
		t.Errorf("resumed: %+v, %v", status, err)
	}
}

// An operator pauses one lane of a firm. The mails of the other lane leave, and each answer says which lane waits.
func TestALaneIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	ask := func(action, lane string) (PausesAnswer, error) {
		return r.client.Pauses(r.ctx, AllFirms,
			PausesRequest{Action: action, FirmID: acme, Lane: lane, Reason: "a bad list", By: "dana"})
	}
	answer, err := ask(PauseFirm, "bulk")
	r.must(err)
	if p := answer.Firms[0]; !p.Paused || p.Lane != "bulk" || p.By != "dana" {
		t.Errorf("paused: %+v", p)
	}
	for _, c := range []struct{ action, lane, want string }{
		{PauseFirm, "bulk", "the bulk lane of firm acme is paused already: dana has paused it at "},
		{ResumeFirm, "individual", "the individual lane of firm acme is not paused, and never was; paused now: bulk"},
		{ResumeFirm, "", "firm acme is not paused, and never was; paused now: bulk"},
		{PauseFirm, "both", "lane: must be one of: individual, bulk"},
	} {
		if _, err := ask(c.action, c.lane); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %s", c.action, c.lane, err, c.want)
		}
	}
	r.publish(acme, events.BulkInviteRequested, bulkOf("c1"))
	var queue QueueAnswer
	testenv.Eventually(t, testenvPatience, func() (err error) {
		if queue, err = r.client.Queue(r.ctx, acme, QueueRequest{}); err == nil && queue.Lanes[1].Queued != 1 {
			err = fmt.Errorf("the queue: %+v", queue)
		}
		return err
	})
	if bulk := queue.Lanes[1]; queue.Pause != nil || queue.Lanes[0].Pause != nil || bulk.Pause == nil ||
		bulk.Pause.Reason != "a bad list" || bulk.Postponed != rules.FirmPaused || queue.Postponed != "" {
		t.Errorf("the queue: %+v", queue)
	}
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	if last := status.Statuses[0].LastInvite; last.Postponed != rules.FirmPaused {
		t.Errorf("status: %+v", last)
	}
	r.publish(acme, events.InviteRequested, named("c3", "dana")) // of the other lane
	mails, err := r.mailbox.Wait(r.ctx, 1)
	r.must(err)
	if list, err := r.client.Pauses(r.ctx, AllFirms, PausesRequest{}); err != nil || len(list.Firms) != 1 ||
		list.Firms[0].Lane != string(store.BulkLane) {
		t.Errorf("the list: %+v, %v", list, err)
	}
	_, err = ask(ResumeFirm, "bulk")
	r.must(err)
	all, err := r.mailbox.Wait(r.ctx, 2)
	r.must(err)
	if !strings.Contains(mails[0].Text, "Client c3") && len(all) == 2 {
		t.Errorf("the first mail is not that of the other lane:\n%s", mails[0].Text)
	}
}
