package pipeline_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func TestAResetOfEveryDurableSendsNothingAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(12)
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Invite("c0", testkit.Contact("k0"), testkit.Contact("k1"), testkit.Added("new@example.com", "New"),
		testkit.Added("new@example.com", "New"))
	r.Publish(events.FileShared, testkit.With(testkit.InviteData("c2", testkit.Added("two@example.com", "Two")), "file",
		testkit.Object{"id": "f", "name": "Return.pdf"}))
	r.Settled()
	before := r.State()

	for range 2 {
		r.Reset(testkit.Durables()...)
		r.Settled()
	}
	if after := r.State(); after != before {
		t.Errorf("after two resets %+v, before %+v", after, before)
	}
}

func TestAResetDuringARunSendsNothingTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Office(60)
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Await(out, 10, events.InviteSent)
	r.Reset(testkit.Durables()...)
	r.Await(out, 10, events.InviteSent)
	r.Reset(testkit.Durables()...)
	r.Settled()
	if mails := len(r.Mailbox.Messages()); mails != 59 {
		t.Errorf("%d mails, want 59", mails)
	}
	if completed := r.Published(events.RunCompleted); len(completed) != 1 || completed[0].Selected != 60 ||
		completed[0].Sent != 59 {
		t.Errorf("completed: %+v", completed)
	}
}

func TestAResetInvitesThoseWhoWereFixedAndNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(10)
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	r.UpsertClient("c3", "*k3", "k1")
	r.Invite("c0", testkit.Contact("k0")) // already invited: settled, whatever is fixed
	r.Invite("c3", testkit.Contact("k1"))
	r.Settled()
	before := r.State()

	r.UpsertContact("k1", "Kay k1", "k1@example.com")
	r.Handled(events.FactsDurable) // a redelivered event is older than this fact, and would not wait for it
	r.Reset(events.BulkDurable)
	r.Settled()
	if o := r.Newest()["c1/k1"]; o.Type != events.InviteSent || o.Revision != 2 || o.ReplayID == "" {
		t.Errorf("after the fix: %+v", o)
	}
	after := r.State()
	// The second outcome is RunCompleted of the quiet replay, which reports because it has changed an outcome.
	if after.Mails != before.Mails+1 || after.Outcomes != before.Outcomes+2 {
		t.Errorf("after the fix %+v, before %+v", after, before)
	}
	run := r.Published(events.RunCompleted)
	if replay := run[len(run)-1]; len(run) != 2 || replay.Kind != "replay" || replay.Selected != 1 || replay.Sent != 1 {
		t.Errorf("runs completed: %+v", run)
	}

	// The same person on another client, in an individual request.
	r.Reset(events.InviteDurable)
	r.Settled()
	if o := r.Newest()["c3/k1"]; o.Type != events.InviteSent || o.Revision != 2 {
		t.Errorf("after the fix, asked for individually: %+v", o)
	}
	r.Reset(testkit.Durables()...)
	r.Settled()
	if last := r.State(); last.Mails != after.Mails+1 || last.Outcomes != after.Outcomes+1 {
		t.Errorf("in the end %+v, before that %+v", last, after)
	}
}

// A failure suppresses the address, so the rules would skip the invite now. What is delivered again is no reason to say
// so: the invite failed, and the run's sums have it as failed. Only somebody who asks for a replay is told.
func TestAResetLeavesWhatFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(4) // k1 has no email
	r.Mailbox.Refuse("k3@example.com", 550, [3]int{5, 1, 1}, "no such user")
	bulk := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Invite("c0", testkit.Added("guest@example.com", "Guest"))
	r.Settled()
	r.comesBack(r.Newest()["c2/k2"], "k2@example.com")
	r.comesBack(r.newestTo("g•••@example.com"), "guest@example.com")
	r.Settled()
	before, run := r.State(), r.lastOfRun(bulk)
	if run.Sent != 1 || run.Failed != 2 || run.Skipped != 1 {
		t.Fatalf("the run: %s", run.Raw)
	}
	for range 2 {
		r.Reset(testkit.Durables()...)
		r.Settled()
	}
	if after := r.State(); after != before {
		t.Errorf("after two resets %+v, before %+v", after, before)
	}
	for _, o := range []testkit.Outcome{r.Newest()["c2/k2"], r.Newest()["c3/k3"], r.newestTo("g•••@example.com")} {
		if o.Type != events.InviteFailed {
			t.Errorf("after two resets: %s", o.Raw)
		}
	}
	replay := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	if o := r.Newest()["c3/k3"]; o.Type != events.InviteSkipped || o.Reason != "email_suppressed" {
		t.Errorf("after a replay that was asked for: %s", o.Raw)
	}
	if run := r.lastOfRun(replay); run.Selected != 4 || run.Skipped != 4 {
		t.Errorf("the replay: %s", run.Raw)
	}
}

// newestTo returns the newest outcome about a recipient whose email looks like this.
func (r *rig) newestTo(masked string) (newest testkit.Outcome) {
	r.TB.Helper()
	for _, o := range r.Newest() {
		if o.Recipient.EmailMasked == masked {
			newest = o
		}
	}
	return newest
}

func TestAnEventPublishedTwiceIsOneEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(8)
	bulkID, inviteID := uuid.NewString(), uuid.NewString()
	for range 2 { // before a worker starts, so that both come in one batch
		r.PublishAs(bulkID, events.BulkInviteRequested, testkit.BulkAll())
		r.PublishAs(inviteID, events.InviteRequested, testkit.InviteData("c0", testkit.Added("new@example.com", "New")))
	}
	r.StartBoth()
	r.Settled()
	before := r.State()
	r.PublishAs(bulkID, events.BulkInviteRequested, testkit.BulkAll())
	r.PublishAs(inviteID, events.InviteRequested, testkit.InviteData("c0", testkit.Added("new@example.com", "New")))
	r.Settled()
	if after := r.State(); after != before || after.Mails != 8 || after.Invites != 9 {
		t.Errorf("published once more: %+v, before %+v", after, before)
	}
	// Another event with the same data is another request, and each of its recipients has an outcome.
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	if after := r.State(); after.Mails != before.Mails || after.Invites != before.Invites+8 {
		t.Errorf("asked again: %+v, before %+v", after, before)
	}
}

// A dashboard that follows runs alone stays right: a replay changes the sums of the run that its invites came from, and
// these are told.
func TestAReplayRevisesTheRunItsInvitesCameFrom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.ProgressEvery = time.Second // so that a change comes sooner after the one before it, and waits to be told
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Office(10) // k1 has no email
	r.Mailbox.Refuse("k2@example.com", 550, [3]int{5, 1, 1}, "no such user")
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	run := r.Completed(id)
	if run.Sent != 8 || run.Failed != 1 || run.Skipped != 1 {
		t.Fatalf("the run: %s", run.Raw)
	}
	if revised := r.Published(events.RunRevised); len(revised) != 0 {
		t.Errorf("nothing has changed, and there is %s", revised[0].Raw)
	}
	r.UpsertContact("k2", "Kay k2", "kay2@example.com")
	r.Publish(events.ReplayRequested, testkit.Object{"filter": testkit.Object{}, "requested_by": "Maria"})
	r.Settled() // which compares the last event about each run with the ledger
	revised := r.Published(events.RunRevised)
	if len(revised) == 0 {
		t.Fatal("the run was not revised")
	}
	last := revised[len(revised)-1]
	if last.RunID != run.RunID || last.Sent != 9 || last.Failed != 0 || last.Skipped != 1 || last.Selected != 10 ||
		last.ByReason["email_missing"] != 1 || last.Cause != run.Cause {
		t.Errorf("revised: %s", last.Raw)
	}
	// A replay that changes nothing revises nothing.
	r.Publish(events.ReplayRequested, testkit.Object{"filter": testkit.Object{}, "requested_by": "Maria"})
	r.Settled()
	if again := r.Published(events.RunRevised); len(again) != len(revised) {
		t.Errorf("revised again: %s", again[len(again)-1].Raw)
	}
}

// A replay leaves alone what waits in the queue: the invite has no outcome yet, and its mail will leave.
func TestAReplayLeavesTheQueueAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Office(4) // k1 has no email
	r.Mailbox.Refuse("k2@example.com", 451, [3]int{4, 3, 0}, "try again later")
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Await(out, 2, events.InviteSent)
	const deferred = `SELECT coalesce(max(state || ' ' || revision || ' ' || attempt || ' ' || decided_at), '')
		FROM invites WHERE contact_id = 'k2' AND state = 'queued' AND attempt > 0`
	var before string
	testenv.Eventually(t, time.Minute, func() error {
		if before = testkit.Query[string](r.Scene, deferred); before == "" {
			return errors.New("the invite of k2 has not been deferred")
		}
		return nil
	})
	id := r.Publish(events.ReplayRequested, testkit.Object{"filter": testkit.Object{}, "requested_by": "Maria"})
	completed := r.Await(out, 1, events.RunCompleted)[0]
	if completed.Cause.ID != id || completed.Selected != 1 || completed.Skipped != 1 {
		t.Errorf("the replay: %s", completed.Raw)
	}
	if after := testkit.Query[string](r.Scene, deferred); after != before {
		t.Errorf("the invite that waits was %q, is %q (internal/store/read_replayable.go, ledger/decide.go)", before, after)
	}
}
