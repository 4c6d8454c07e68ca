package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// lastAttempt returns the record of the last attempt to send a mail to an address.
func (r *rig) lastAttempt(email string) (verdict string, pause time.Duration, server, name string) {
	r.TB.Helper()
	r.Must(r.DB.QueryRow(r.Ctx, `SELECT verdict, pause, server, server_name FROM attempts a JOIN invites USING (invite_id)
		WHERE email_normal = $1 ORDER BY a.attempt DESC LIMIT 1`, email).Scan(&verdict, &pause, &server, &name))
	return verdict, pause, server, name
}

func TestARefusedRecipientFailsAndReservesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.Refuse("gone@example.com", 550, [3]int{5, 1, 1}, "no such user gone@example.com")
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "gone@example.com")
	r.UpsertContact("lee", "Lee Ray", "gone@example.com")
	r.UpsertClient("c1", "*dana")
	r.UpsertClient("c2", "*lee")
	r.Invite("c1", testkit.Contact("dana"), testkit.Added("fine@example.com", "Fine"))
	r.Settled()
	failed := r.Newest()["c1/dana"]
	if failed.Type != events.InviteFailed || failed.SMTPCode != 550 || failed.EnhancedCode != "5.1.1" ||
		failed.Stage != "rcpt" ||
		failed.Revision != 1 || failed.Explanation == "" || failed.Remedy == "" {
		t.Errorf("refused: %s", failed.Raw)
	}
	if state := testkit.Query[string](r.Scene, `SELECT state FROM access
		WHERE person = 'contact:dana'`); state != "expired" {
		t.Errorf("the access whose invite could not be delivered is %s", state)
	}
	// The login is free for another person. But the address stays suppressed until an event lifts the block.
	r.Mailbox.Accept("gone@example.com")
	r.Invite("c2", testkit.Contact("lee"))
	r.Settled()
	if o := r.Newest()["c2/lee"]; o.Reason != "email_suppressed" {
		t.Errorf("an address that was refused: %s", o.Raw)
	}
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "gone@example.com", "cause": "bounce"})
	r.Invite("c2", testkit.Contact("lee"))
	r.Settled()
	if o := r.Newest()["c2/lee"]; o.Type != events.InviteSent {
		t.Errorf("the freed login: %s", o.Raw)
	}
	said := testkit.Query[string](r.Scene, `SELECT said FROM attempts WHERE smtp_code = 550`)
	if strings.Contains(said, "gone@") {
		t.Errorf("the attempt on record has the full email: %s", said)
	}
	if n := r.Log.Lines("gone@example.com"); n > 0 {
		t.Errorf("the log has the full email in %d lines", n)
	}
}

func TestATemporaryRefusalIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.Refuse("busy@example.com", 451, [3]int{4, 3, 0}, "try again later")
	r.Mailbox.Refuse("slow@example.com", 450, [3]int{4, 7, 0}, "not so fast")
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Invite("c1", testkit.Added("busy@example.com", "Busy"), testkit.Added("slow@example.com", "Slow"),
		testkit.Added("fine@example.com", "Fine"))
	r.Attempted(3)
	for email, c := range map[string]struct {
		verdict  string
		from, to time.Duration
	}{
		"busy": {verdict: "retry", from: time.Second, to: time.Minute},
		"slow": {verdict: "throttled", from: time.Minute, to: 2 * time.Minute},
	} {
		verdict, pause, server, name := r.lastAttempt(email + "@example.com")
		if verdict != c.verdict || pause < c.from || pause > c.to {
			t.Errorf("%s: %s and a pause of %s, want %s and %s to %s", email, verdict, pause, c.verdict, c.from, c.to)
		}
		if server != r.Mailbox.Addr() || name != "Hello test.example" {
			t.Errorf("%s: the server on record is %s, %q", email, server, name)
		}
	}
	r.Mailbox.Accept("busy@example.com")
	r.Mailbox.Accept("slow@example.com")
	r.Due()
	r.Settled()
	for who, o := range r.Newest() {
		if o.Type != events.InviteSent || o.Revision != 1 || o.Attempt < 1 {
			t.Errorf("%s: %s", who, o.Raw)
		}
	}
	if mails := len(r.Mailbox.Messages()); mails != 3 {
		t.Errorf("%d mails", mails)
	}
}

func TestAMailOfUnknownResultIsSentAgainAsTheSameMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.DropReplies(1)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Invite("c1", testkit.Added("max@example.com", "Max"))
	r.Attempted(1)
	if verdict := testkit.Query[string](r.Scene, `SELECT verdict FROM attempts`); verdict != "unknown" {
		t.Fatalf("the first attempt is on record as %s", verdict)
	}
	r.Due()
	r.Settled()
	mails := r.Mailbox.Messages()
	if len(mails) != 2 {
		t.Fatalf("%d mails, want the first and its copy", len(mails))
	}
	if mails[0].MessageID == "" || mails[0].MessageID != mails[1].MessageID || r.TokenIn(mails[0]) != r.TokenIn(mails[1]) {
		t.Errorf("the copy is a different mail: %s and %s", mails[0].MessageID, mails[1].MessageID)
	}
	if o := r.Published(events.InviteSent); len(o) != 1 || o[0].Attempt != 2 || o[0].MessageID != mails[0].MessageID {
		t.Errorf("published: %+v", o)
	}
}

func TestAMailOfUnknownResultIsHeldIfTheOperatorWantsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.DropReplies(1)
	cfg := r.Config()
	cfg.OnUnknown = pipeline.HoldUnknown
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Invite("c1", testkit.Added("max@example.com", "Max"))
	r.Attempted(1)
	r.Invite("c1", testkit.Added("next@example.com", "Next")) // the invite behind it is not held
	if _, err := r.Mailbox.Wait(r.Ctx, 2); err != nil {
		t.Fatal(err)
	}
	if held := testkit.Query[bool](r.Scene, `SELECT held_at IS NOT NULL FROM invites
		WHERE email_normal = 'max@example.com'`); !held {
		t.Error("the invite is not held")
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts JOIN invites USING (invite_id)
		WHERE email_normal = 'max@example.com'`); n != 1 {
		t.Errorf("%d attempts at the held invite, want 1", n)
	}
}
