package pipeline_test

import (
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
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
