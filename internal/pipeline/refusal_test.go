package pipeline

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// attempted waits until the first attempt at every invite has a result.
func (r *rig) attempted(n int) {
	r.t.Helper()
	testenv.Eventually(r.t, time.Minute, func() error {
		if got := query[int](r, `SELECT count(*) FROM attempts WHERE finished_at IS NOT NULL`); got < n {
			return fmt.Errorf("%d of %d attempts have ended", got, n)
		}
		return nil
	})
}

// lastAttempt is what is on record of the last attempt to mail somebody.
func (r *rig) lastAttempt(email string) (verdict string, pause time.Duration, server, name string) {
	r.t.Helper()
	r.must(r.db.QueryRow(r.ctx, `SELECT verdict, pause, server, server_name FROM attempts a JOIN invites USING (invite_id)
		WHERE email_normal = $1 ORDER BY a.attempt DESC LIMIT 1`, email).Scan(&verdict, &pause, &server, &name))
	return verdict, pause, server, name
}

// due makes every waiting invite due now: hours pass in no time.
func (r *rig) due() {
	r.t.Helper()
	r.must(r.alone(func(tx pgx.Tx) error {
		_, err := tx.Exec(r.ctx, `UPDATE invites SET next_attempt_at = now() WHERE state = 'queued' AND held_at IS NULL`)
		return err
	}))
}

var linkPattern = regexp.MustCompile(`https://portal\.acme\.example/invite/([\w.-]+)`)

// tokenIn is the token of the link in a mail.
func (r *rig) tokenIn(m testenv.Message) string {
	r.t.Helper()
	match := linkPattern.FindStringSubmatch(m.Text)
	if match == nil || !strings.Contains(m.HTML, match[0]) {
		r.t.Fatalf("the same link should stand in text and HTML:\n%s", m.Text)
	}
	return match[1]
}

func TestARefusedRecipientFailsAndHoldsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mailbox.Refuse("gone@example.com", 550, [3]int{5, 1, 1}, "no such user gone@example.com")
	r.startBoth()
	r.firm()
	r.contact("dana", "Dana Wu", "gone@example.com")
	r.contact("lee", "Lee Ray", "gone@example.com")
	r.client("c1", "*dana")
	r.client("c2", "*lee")
	r.invite("c1", contact("dana"), added("fine@example.com", "Fine"))
	r.settled()
	failed := r.standing()["c1/dana"]
	if failed.Type != events.InviteFailed || failed.SMTPCode != 550 || failed.EnhancedCode != "5.1.1" || failed.Stage != "rcpt" ||
		failed.Revision != 1 || failed.Explanation == "" || failed.Remedy == "" {
		t.Errorf("refused: %s", failed.Raw)
	}
	if state := query[string](r, `SELECT state FROM access WHERE person = 'contact:dana'`); state != "expired" {
		t.Errorf("access that could not be delivered is %s", state)
	}
	// The login is free for somebody else. That the mailbox is there by now, somebody has to say.
	r.mailbox.Accept("gone@example.com")
	r.invite("c2", contact("lee"))
	r.settled()
	if o := r.standing()["c2/lee"]; o.Reason != "email_suppressed" {
		t.Errorf("an address that was refused: %s", o.Raw)
	}
	r.publish(events.EmailUnsuppressed, object{"email": "gone@example.com", "cause": "bounce"})
	r.invite("c2", contact("lee"))
	r.settled()
	if o := r.standing()["c2/lee"]; o.Type != events.InviteSent {
		t.Errorf("the freed login: %s", o.Raw)
	}
	if said := query[string](r, `SELECT said FROM attempts WHERE smtp_code = 550`); strings.Contains(said, "gone@") {
		t.Errorf("the attempt on record has the full email: %s", said)
	}
	if n := r.log.lines("gone@example.com"); n > 0 {
		t.Errorf("the log has the full email in %d lines", n)
	}
}

func TestATemporaryRefusalIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mailbox.Refuse("busy@example.com", 451, [3]int{4, 3, 0}, "try again later")
	r.mailbox.Refuse("slow@example.com", 450, [3]int{4, 7, 0}, "not so fast")
	r.startBoth()
	r.firm()
	r.client("c1")
	r.invite("c1", added("busy@example.com", "Busy"), added("slow@example.com", "Slow"), added("fine@example.com", "Fine"))
	r.attempted(3)
	for email, c := range map[string]struct {
		verdict  string
		from, to time.Duration
	}{
		"busy": {verdict: "retry", from: leastBackoff, to: firstBackoff},
		"slow": {verdict: "throttled", from: firstThrottle, to: 2 * firstThrottle},
	} {
		verdict, pause, server, name := r.lastAttempt(email + "@example.com")
		if verdict != c.verdict || pause < c.from || pause > c.to {
			t.Errorf("%s: %s and a pause of %s, want %s and %s to %s", email, verdict, pause, c.verdict, c.from, c.to)
		}
		if server != r.mailbox.Addr() || name != "Hello test.example" {
			t.Errorf("%s: the server on record is %s, %q", email, server, name)
		}
	}
	r.mailbox.Accept("busy@example.com")
	r.mailbox.Accept("slow@example.com")
	r.due()
	r.settled()
	for who, o := range r.standing() {
		if o.Type != events.InviteSent || o.Revision != 1 || o.Attempt < 1 {
			t.Errorf("%s: %s", who, o.Raw)
		}
	}
	if mails := len(r.mailbox.Messages()); mails != 3 {
		t.Errorf("%d mails", mails)
	}
}

func TestAMailOfUnknownResultIsSentAgainAsTheSameMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mailbox.DropReplies(1)
	r.startBoth()
	r.firm()
	r.client("c1")
	r.invite("c1", added("max@example.com", "Max"))
	r.attempted(1)
	if verdict := query[string](r, `SELECT verdict FROM attempts`); verdict != "unknown" {
		t.Fatalf("the first attempt is on record as %s", verdict)
	}
	r.due()
	r.settled()
	mails := r.mailbox.Messages()
	if len(mails) != 2 {
		t.Fatalf("%d mails, want the first and its copy", len(mails))
	}
	if mails[0].MessageID == "" || mails[0].MessageID != mails[1].MessageID || r.tokenIn(mails[0]) != r.tokenIn(mails[1]) {
		t.Errorf("the copy is another mail: %s and %s", mails[0].MessageID, mails[1].MessageID)
	}
	if o := r.told(events.InviteSent); len(o) != 1 || o[0].Attempt != 2 || o[0].MessageID != mails[0].MessageID {
		t.Errorf("told: %+v", o)
	}
}

func TestAMailOfUnknownResultIsHeldWhereTheOperatorWantsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mailbox.DropReplies(1)
	cfg := r.config()
	cfg.OnUnknown = HoldUnknown
	r.start(NewInviteWorker(cfg))
	r.start(NewBulkWorker(cfg))
	r.firm()
	r.client("c1")
	r.invite("c1", added("max@example.com", "Max"))
	r.attempted(1)
	r.invite("c1", added("next@example.com", "Next")) // what comes behind it is not held
	if _, err := r.mailbox.Wait(r.ctx, 2); err != nil {
		t.Fatal(err)
	}
	if held := query[bool](r, `SELECT held_at IS NOT NULL FROM invites WHERE email_normal = 'max@example.com'`); !held {
		t.Error("the invite is not held")
	}
	if n := query[int](r, `SELECT count(*) FROM attempts JOIN invites USING (invite_id) WHERE email_normal = 'max@example.com'`); n != 1 {
		t.Errorf("%d attempts at the held invite", n)
	}
}
