package pipeline_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// slow is the configuration of a bulk-worker that sends a few mails a second.
func (r *rig) slow(rate float64) pipeline.Config {
	cfg := r.Config()
	cfg.Rate = rate
	return cfg
}

// A run is cancelled in the middle. Its event comes again in every way, and so does everything else, and nobody is
// mailed. Only a replay that names the run, and is behind the cancel in the stream, sends the rest.
func TestACancelledRunStaysCancelled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const clients = 60
	r.StartInvites()
	stop := r.StartWorker(pipeline.NewBulkWorker(r.slow(5)))
	r.Office(clients)
	r.Handled(events.FactsDurable)
	out := r.Outcomes()
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	run := r.RunOf(id)
	r.Await(out, 2, events.InviteSent)
	before := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{"run_id": run}))
	r.Handled(events.BulkDurable)
	cancel := r.Publish(events.RunCancelRequested, testkit.ToRun(run, "Ann"))
	if got := r.Answered(cancel); got != "done: cancelled; 0 were not reached" {
		t.Fatalf("answered %q", got)
	}
	r.Settled()
	stop()
	r.StartBulk() // at full speed
	done := r.Completed(id)
	if !done.Cancelled || done.Sent+done.Skipped != clients || done.ByReason["run_cancelled"] == 0 || done.Sent < 2 {
		t.Fatalf("completed: %s", done.Raw)
	}
	published := r.Published(events.RunCancelled)
	if len(published) != 1 || published[0].RequestedBy != "Ann" || published[0].RunID != run {
		t.Fatalf("published: %+v", published)
	}
	for what, sql := range map[string]string{
		"accesses": `SELECT count(*) FROM access WHERE state = 'invited'`,
		"logins":   `SELECT count(*) FROM logins WHERE held_until > now()`,
		"invites":  `SELECT count(*) FROM invites WHERE state = 'sent'`,
	} {
		if n := testkit.Query[int](r.Scene, sql); n != done.Sent {
			t.Errorf("%d %s are left, want %d", n, what, done.Sent)
		}
	}
	mails, outcomes := len(r.Mailbox.Messages()), len(r.Published())
	r.PublishAs(id, events.BulkInviteRequested, testkit.BulkAll())
	r.PublishAs(cancel, events.RunCancelRequested, testkit.ToRun(run, "Ann"))
	r.PublishAs(before, events.ReplayRequested, testkit.Replay(testkit.Object{"run_id": run}))
	r.Settled()
	r.Reset(testkit.Durables()...)
	r.Settled()
	if n := len(r.Published()); n != outcomes {
		t.Errorf("%d outcomes when it came again", n-outcomes)
	}
	all := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	if o := r.Completed(all); o.Selected != 0 {
		t.Errorf("a replay that names no run: %s", o.Raw)
	}
	if n := len(r.Mailbox.Messages()); n != mails {
		t.Fatalf("%d mails after the cancel", n-mails)
	}
	named := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{"run_id": run}))
	r.Settled()
	if o := r.Completed(named); o.Sent != done.ByReason["run_cancelled"] || o.Cancelled {
		t.Errorf("a replay that names it: %s", o.Raw)
	}
	if n := len(r.Mailbox.Messages()); n != clients-1 {
		t.Errorf("%d mails in the end, want %d", n, clients-1)
	}
	r.Audit()
}

// Whoever comes second is told what the first one has done, and nothing changes.
func TestWhoeverComesSecondIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.StartWorker(pipeline.NewBulkWorker(r.slow(1)))
	r.Office(20)
	r.Handled(events.FactsDurable)
	run := r.RunOf(r.Publish(events.BulkInviteRequested, testkit.BulkAll()))
	r.Decided(20)
	for _, step := range []struct {
		typ  events.Type
		by   string
		want string
	}{
		{events.RunResumeRequested, "Zoe", "refused: not paused"},
		{events.RunPauseRequested, "Ann", "done: paused"},
		{events.RunPauseRequested, "Bob", "refused: paused by Ann at "},
		{events.RunResumeRequested, "Bob", "done: resumed"},
		{events.RunResumeRequested, "Ann", "refused: resumed by Bob at "},
		{events.RunScheduleRequested, "Ann", "refused: its walk has begun"},
		{events.RunCancelRequested, "Ann", "done: cancelled"},
		{events.RunResumeRequested, "Bob", "refused: cancelled by Ann at "},
		{events.RunPauseRequested, "Bob", "refused: cancelled by Ann at "},
		{events.RunCancelRequested, "Bob", "refused: cancelled by Ann at "},
	} {
		if got := r.Tell(step.typ, run, step.by); !strings.HasPrefix(got, step.want) {
			t.Errorf("%s by %s: %q, want %q", step.typ, step.by, got, step.want)
		}
	}
	r.Settled()
	small := r.Publish(events.BulkInviteRequested, testkit.BulkOf("c1")) // has no email
	r.Settled()
	if got := r.Tell(events.RunCancelRequested, r.RunOf(small), "Ann"); !strings.HasPrefix(got, "refused: completed at ") {
		t.Errorf("a completed run: %q", got)
	}
	if o := r.Completed(small); o.Cancelled {
		t.Errorf("a completed run: %s", o.Raw)
	}
	for typ, want := range map[events.Type]int{
		events.RunPaused: 1, events.RunResumed: 1, events.RunCancelled: 1, events.RunScheduled: 0,
	} {
		if n := len(r.Published(typ)); n != want {
			t.Errorf("%d %s, want %d", n, typ, want)
		}
	}
	r.Audit()
}

// A run is paused. Workers start again and again, and nothing of it leaves. The mails of others do, and a person who
// waits in it can be invited by hand. When it goes on, the rules are asked anew.
func TestNothingOfAPausedRunLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.Office(30)
	r.Handled(events.FactsDurable)
	r.Mailbox.Down() // so that all of it waits
	stop := r.StartBulk()
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	run := r.RunOf(id)
	r.Decided(30)
	if got := r.Tell(events.RunPauseRequested, run, "Ann"); got != "done: paused" {
		t.Fatalf("answered %q", got)
	}
	stop()
	r.Exec(`UPDATE invites SET next_attempt_at = now() WHERE state = 'queued' AND next_attempt_at IS NOT NULL`)
	r.Mailbox.Up()
	r.firmBy("other", "")
	for n := range 5 {
		stop, stopSecond := r.StartBulk(), r.StartBulk()
		id := strconv.Itoa(n)
		r.client(id)
		r.Publish(events.BulkInviteRequested, testkit.BulkOf("c"+id))
		r.leftOf("other", n+1)
		stop()
		stopSecond()
	}
	r.Firm = "acme"
	r.leftOf("acme", 0)
	r.Invite("c5", testkit.Contact("k5"))
	r.leftOf("acme", 1)
	r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c7", "*k7"), "active", false))
	r.Handled(events.FactsDurable)
	r.StartBulk()
	r.leftOf("acme", 1)
	if got := r.Tell(events.RunResumeRequested, run, "Bob"); got != "done: resumed" {
		t.Fatalf("answered %q", got)
	}
	r.Settled()
	o := r.Completed(id)
	if o.Sent != 27 || o.ByReason["superseded"] != 1 || o.ByReason["client_inactive"] != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
	r.Audit()
}

// leftOf waits until n mails of a firm have left. Those of acme go to example.com.
func (r *rig) leftOf(firm string, n int) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		got := 0
		for _, m := range r.Mailbox.Messages() {
			if strings.HasSuffix(m.To[0], "@other.example") == (firm == "other") {
				got++
			}
		}
		if got != n {
			return fmt.Errorf("%d mails of %s have left, want %d", got, firm, n)
		}
		return nil
	})
}
