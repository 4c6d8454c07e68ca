package pipeline_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// A bulk reminder reaches Dana, who has not logged in, and not Lee, who has. The sums have both.
func TestABulkReminderIsForThoseWhoHaveNotCome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy.ResendCooldown = -time.Minute // none, even if the clocks of the two workers differ
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertClient("c1", "*dana", "*lee")
	r.Invite("c1", testkit.Contact("dana"), testkit.Contact("lee"))
	r.Settled()
	r.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c1", "contact_id": "lee", "granted_at": time.Now()})
	r.Settled()
	for _, c := range []struct {
		to            string
		sent, skipped int
		reason        string
	}{{"", 1, 1, "already_has_access"}, {"active", 1, 1, "already_invited"}, {"all", 2, 0, ""}} {
		before := len(r.Mailbox.Messages())
		data := testkit.With(testkit.BulkAll(), "mode", "resend")
		if c.to != "" {
			data["to"] = c.to
		}
		id := r.Publish(events.BulkInviteRequested, data)
		r.Settled()
		o := r.Completed(id)
		if o.Selected != 2 || o.Sent != c.sent || o.Skipped != c.skipped || o.ByReason[c.reason] != c.skipped {
			t.Errorf("to %q: %s", c.to, o.Raw)
		}
		if mails := len(r.Mailbox.Messages()) - before; mails != c.sent {
			t.Errorf("to %q: %d mails, want %d", c.to, mails, c.sent)
		}
	}
}

// After a run of 2,000, as many reminders are due at once. They leave slowly, and somebody who is invited meanwhile
// waits for none of those that wait.
func TestRemindersDelayNoIndividualInvite(t *testing.T) {
	t.Parallel()
	const people = 2000
	r := newRig(t)
	cfg := r.Config()
	cfg.Connections = 8
	stop := r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	var facts []*nats.Msg
	var contacts []string
	for i := range people {
		id := fmt.Sprintf("p%d", i)
		facts = append(facts, r.Event(events.ContactUpserted, testkit.ContactData(id, "Pat "+id, id+"@example.com")))
		contacts = append(contacts, "*"+id)
	}
	r.PublishAll(facts...)
	r.UpsertClient("c1", contacts...)
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c2", "*dana")
	run := r.Publish(events.BulkInviteRequested, testkit.BulkOf("c1"))
	r.Settled()
	if o := r.Completed(run); o.Sent != people {
		t.Fatalf("the run: %s", o.Raw)
	}
	stop()

	cfg.Rate = 20 // in each lane: the reminders take 100 seconds
	r.Exec(`UPDATE access SET mailed_at = mailed_at - interval '73 hours'`)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	testenv.Eventually(t, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE kind = 'resend'`); n != people {
			return fmt.Errorf("%d of %d reminders are decided", n, people)
		}
		return nil
	})
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	before := len(r.Mailbox.Messages())
	r.Invite("c2", testkit.Contact("dana"))
	testenv.Eventually(t, 2*time.Minute, func() error {
		for i, m := range r.Mailbox.Messages()[before:] {
			if m.To[0] != "dana@example.com" {
				continue
			}
			if i > people/4 {
				t.Errorf("the invite left behind %d reminders", i)
			}
			return nil
		}
		return errors.New("the invite has not left")
	})
}

// A reminder was skipped, and its invite was replaced since. A replay does not send it. Another one waits when Dana
// logs in, and does not leave either.
func TestAReminderBelongsToItsInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	r.Invite("c1", testkit.Contact("dana"))
	r.Await(out, 1, events.InviteSent)
	r.Settled()
	const later = `UPDATE access
		SET mailed_at = mailed_at - interval '73 hours', reminded_at = reminded_at - interval '73 hours'`
	r.Publish(events.EmailSuppressed, testkit.Object{"email": "dana@example.com", "cause": "manual"})
	r.Handled(events.FactsDurable)
	r.Exec(later)
	if skipped := r.Await(out, 1, events.InviteSkipped)[0]; skipped.Reason != "email_suppressed" {
		t.Fatalf("the reminder: %s", skipped.Raw)
	}
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "dana@example.com", "cause": "manual"})
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Await(out, 1, events.RemovedAccess)
	r.Invite("c1", testkit.Contact("dana"))
	r.Await(out, 1, events.InviteSent)
	r.Settled()
	r.Exec(`UPDATE access SET mailed_at = mailed_at - interval '1 hour'`) // no resend is too soon
	replay := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Await(out, 1, events.RunCompleted)
	if o := r.Completed(replay); o.Skipped != 1 || o.ByReason["superseded"] != 1 {
		t.Errorf("the replay: %s", o.Raw)
	}

	r.Mailbox.Down()
	r.Exec(later)
	testenv.Eventually(t, time.Minute, func() error {
		if testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'queued' AND attempt > 0`) == 0 {
			return errors.New("no reminder waits for its second attempt")
		}
		return nil
	})
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
	r.Handled(events.FactsDurable)
	r.Mailbox.Up()
	r.left(0)
	if mails := r.Mailbox.Messages(); len(mails) != 2 {
		t.Errorf("%d mails, want the two invites", len(mails))
	}
	if reason := testkit.Query[string](r.Scene, `SELECT reason FROM invites
		WHERE kind = 'resend' ORDER BY decided_at DESC LIMIT 1`); reason != "already_has_access" {
		t.Errorf("the reminder that waited is skipped as %q", reason)
	}
}

// Dana's invite was reminded of, and came back. A replay sends it again, and it is reminded of again.
func TestAnInviteThatIsSentAgainIsRemindedOfAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	first := r.Await(out, 1, events.InviteSent)[0]
	const later = `UPDATE access
		SET mailed_at = mailed_at - interval '73 hours', reminded_at = reminded_at - interval '73 hours'`
	r.Exec(later)
	r.Await(out, 1, events.InviteSent) // the reminder
	r.Settled()
	r.UpsertContact("dana", "Dana Wu", "dana@new.example")
	r.Await(out, 1, events.RemovedAccess)
	r.Publish(events.MailReported, testkit.Object{
		"kind": "bounced", "message_id": first.MessageID, "email": "dana@example.com", "code": "552 5.2.2",
		"at": time.Now(), "reporter": "test"})
	r.Await(out, 1, events.InviteFailed)
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	if again := r.Await(out, 1, events.InviteSent)[0]; again.InviteID != first.InviteID {
		t.Fatalf("the replay has sent %s", again.Raw)
	}
	r.Settled()
	r.Exec(later)
	if o := r.Await(out, 1, events.InviteSent)[0]; o.Cause.Source != events.OutcomeSource {
		t.Errorf("after the replay: %s", o.Raw)
	}
}
