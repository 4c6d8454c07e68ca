package pipeline_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Hundreds of reports are with a worker that hangs. The firm's requests behind them are decided nevertheless, on the
// facts behind them. The report among them that a mail came back is applied later, although newer facts are.
func TestReportsHoldNoRequestUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.StartInvites()
	r.Office(3)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	sent := r.Newest()["c0/k0"]
	stop() // so that no worker takes what follows
	reports := []*nats.Msg{
		r.Event(events.MailReported, aReport("bounced", sent.MessageID, "k0@example.com", "550 5.1.1", "User unknown")),
	}
	for range 300 {
		reports = append(reports,
			r.Event(events.MailReported, aReport("delivered", sent.MessageID, "k0@example.com", "250", "")))
	}
	r.PublishAll(reports...)
	letGo := r.hold(len(reports))
	r.UpsertContact("k2", "Kay k2", "newer@example.com")
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c2", "contact_id": "k1", "email": "k1@example.com", "granted_at": "2026-03-02T09:00:00Z",
	})
	r.Invite("c2", testkit.Contact("k2"))
	r.StartInvites()
	r.Handled(events.InviteDurable)
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE email = 'newer@example.com'`); n != 1 {
		t.Errorf("%d invites to the newest address, want 1", n)
	}
	if r.Acknowledged(events.FactsDurable) == nil {
		t.Error("the worker that hangs has lost its reports")
	}
	letGo()
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteFailed || r.access("c0", "contact:k0") != "expired" {
		t.Errorf("the mail came back: %s, access %s", o.Raw, r.access("c0", "contact:k0"))
	}
}

// A request waits for a moment for its firm's reports before it, so that it finds what they have changed.
func TestARequestWaitsAMomentForReports(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Invite("c0", testkit.Contact("k0")) // before the report
	r.comesBack(testkit.Outcome{MessageID: "1@shop.example"}, "k0@example.com")
	r.Invite("c0", testkit.Contact("k0"))
	requests, barrier := r.Taken(events.InviteDurable, 2), r.Barrier()
	ready, later, err := barrier.Split(r.Ctx, requests)
	if err != nil || len(ready) != 1 || len(later) != 1 {
		t.Fatalf("at first %d are ready and %d wait (%v)", len(ready), len(later), err)
	}
	for began := time.Now(); len(later) > 0; {
		if _, later, err = barrier.Split(r.Ctx, requests); err != nil || time.Since(began) > time.Minute {
			t.Fatalf("%d wait for ever (%v)", len(later), err)
		}
	}
}
