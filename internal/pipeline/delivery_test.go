package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// Each verdict has its effect on the invite, the address and the outcome. Delivered and unknown have tests of their
// own.
func TestEveryVerdictIsOnRecord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		code       int
		enhanced   [3]int
		words      string
		verdict    string
		state      string
		suppressed bool
	}{
		{"mailbox", 550, [3]int{5, 1, 1}, "no such user mailbox@example.com", "refused", "failed", true},
		{"full", 552, [3]int{5, 2, 2}, "mailbox full", "refused", "failed", false},
		{"policy", 550, [3]int{5, 7, 1}, "members only", "refused", "failed", false},
		{"greylisted", 451, [3]int{4, 7, 1}, "come again", "retry", "queued", false},
		{"throttled", 450, [3]int{4, 2, 1}, "not so fast", "throttled", "queued", false},
		{"closing", 421, [3]int{4, 3, 2}, "going down", "throttled", "queued", false},
		{"relay", 554, [3]int{5, 7, 1}, "Relay access denied", "misconfigured", "queued", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			email := c.name + "@example.com"
			r.Mailbox.Refuse(email, c.code, c.enhanced, c.words)
			r.StartBoth()
			r.UpsertFirm()
			r.UpsertClient("c1")
			r.Invite("c1", testkit.Added(email, "Kay"))
			r.Attempted(1)
			if verdict, pause, server, _ := r.lastAttempt(email); verdict != c.verdict || server != r.Mailbox.Addr() ||
				pause > 0 != (c.state == "queued") {
				t.Errorf("on record: %s by %s, paused for %s", verdict, server, pause)
			}
			enhanced := fmt.Sprintf("%d.%d.%d", c.enhanced[0], c.enhanced[1], c.enhanced[2])
			if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts
				WHERE stage = 'rcpt' AND smtp_code = $1 AND enhanced = $2
				AND started_at <= finished_at AND said <> '' AND position($3 IN said) = 0`, c.code, enhanced, email); n != 1 {
				t.Errorf("%d such attempts on record", n)
			}
			if state := testkit.Query[string](r.Scene, `SELECT state FROM invites`); state != c.state {
				t.Errorf("the invite is %s, want %s", state, c.state)
			}
			if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM suppressions
				WHERE firm_id = $1 AND email = $2 AND cause = 'bounce' AND NOT lifted`, firm, email); n == 1 != c.suppressed {
				t.Errorf("suppressed: %d, want %v", n, c.suppressed)
			}
			if c.state == "failed" {
				r.Settled()
				words := fmt.Sprintf("(%d %s %s", c.code, enhanced, strings.Fields(c.words)[0])
				if o := r.Published(events.InviteFailed); len(o) != 1 || o[0].SMTPCode != c.code || o[0].EnhancedCode != enhanced ||
					!strings.Contains(o[0].Explanation, words) {
					t.Errorf("published: %+v", o)
				}
			}
		})
	}
}

// A mail that is deferred again and again fails when its retry time is over. The outcome has the server's last reply.
func TestAMailFailsWhenItsRetryTimeIsOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.Refuse("busy@example.com", 451, [3]int{4, 3, 0}, "try again later")
	cfg := r.Config()
	cfg.RetryFor = 3 * time.Minute
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Invite("c1", testkit.Added("busy@example.com", "Busy"))
	testenv.Eventually(t, time.Minute, func() error {
		r.Due()
		if testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'failed'`) == 0 {
			return errors.New("the invite has not failed yet")
		}
		return nil
	})
	r.Settled()
	if put := testkit.Query[time.Duration](r.Scene, `SELECT sum(pause) FROM attempts`); put != cfg.RetryFor {
		t.Errorf("failed after pauses of %s, want %s", put, cfg.RetryFor)
	}
	failed := r.Published(events.InviteFailed)
	if len(failed) != 1 || !strings.Contains(failed[0].Explanation, "(451 4.3.0 try again later)") ||
		failed[0].SMTPCode != 451 {
		t.Errorf("published: %+v", failed)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM suppressions`); n != 0 {
		t.Error("an address whose mails were deferred is suppressed")
	}
	// A replay starts a new retry time.
	r.Mailbox.Accept("busy@example.com")
	r.Publish(events.ReplayRequested, testkit.Object{"requested_by": "Ops", "filter": testkit.Object{}})
	r.Settled()
	if sent := r.Published(events.InviteSent); len(sent) != 1 || sent[0].Revision != 2 {
		t.Errorf("after a replay: %+v", sent)
	}
}

// An address that bounced gets no mail until an EmailUnsuppressed after the bounce lifts the block. One from before the
// bounce, which a reset redelivers, does not (ADR 36).
func TestABounceHasAPlaceInTheOrderOfFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const email = "gone@example.com"
	r.Mailbox.Refuse(email, 550, [3]int{5, 1, 1}, "no such user")
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.UpsertClient("c2")
	r.Publish(events.EmailSuppressed, testkit.Object{"email": email, "cause": "manual"})
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": email, "cause": "manual"})
	r.Invite("c1", testkit.Added(email, "Gone"))
	r.Settled()
	blocked := func(when string, want bool) {
		t.Helper()
		got := testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM suppressions WHERE email = $1 AND NOT lifted)`, email)
		if got != want {
			t.Errorf("%s: blocked is %v, want %v", when, got, want)
		}
	}
	blocked("after the bounce", true)
	r.replayed(events.FactsDurable)
	blocked("after the facts before it were redelivered", true)
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": email, "cause": "bounce"})
	r.Handled(events.FactsDurable)
	blocked("after it was lifted", false)
	r.replayed(events.FactsDurable)
	blocked("after all facts were redelivered", false)

	r.Mailbox.Accept(email)
	r.Publish(events.ReplayRequested, testkit.Object{"requested_by": "Ops", "filter": testkit.Object{}})
	r.Settled()
	if o := r.Newest()["c1/g•••@example.com"]; o.Type != events.InviteSent {
		t.Errorf("after the replay: %s", o.Raw)
	}
}

// replayed resets a durable, and waits until the stream has been handled again.
func (r *rig) replayed(durable string) {
	r.TB.Helper()
	r.Reset(durable)
	r.Handled(durable)
}
