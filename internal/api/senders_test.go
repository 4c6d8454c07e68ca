package api

import (
	"fmt"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/testenv"
)

// A firm names a sender that is not configured. Every place where somebody would look says that its mails wait for it,
// and the rules go on allowing them.
func TestEveryAnswerSaysThatASenderIsUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.FirmUpserted, with(firmData(), "sender", "west"))
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	testenv.Eventually(t, testenvPatience, func() error {
		answer, err := r.client.Queue(r.ctx, acme, QueueRequest{})
		if err != nil || answer.Lanes[0].Queued != 1 {
			return fmt.Errorf("%+v, %w", answer, err)
		}
		return nil
	})
	queue, err := r.client.Queue(r.ctx, acme, QueueRequest{})
	r.must(err)
	if queue.Sender != "west" || queue.Postponed != rules.SenderUnknown || queue.Lanes[0].SenderUnknown != 1 ||
		queue.Lanes[1].SenderUnknown != 0 {
		t.Errorf("queue: %+v", queue)
	}
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	if s := status.Statuses[0]; s.LastInvite.Postponed != rules.SenderUnknown || s.State != Queued ||
		!strings.Contains(s.Sentence, "nobody has set up the sender") {
		t.Errorf("status: %+v, %+v", s, s.LastInvite)
	}
	request := ExplainRequest{ClientID: "c3", Recipients: []events.Recipient{{ContactID: "dana"}}}
	explained, err := r.client.Explain(r.ctx, acme, request)
	r.must(err)
	if explained.Sender != "west" || explained.Postponed != rules.SenderUnknown || !explained.Recipients[0].WouldSend {
		t.Errorf("explain: %+v", explained)
	}
	preview, err := r.client.Preview(r.ctx, acme, PreviewRequest{
		Type: events.InviteRequested,
		Data: []byte(`{"client_id": "c3", "recipients": [{"contact_id": "dana"}], "requested_by": "Lee"}`),
	})
	r.must(err)
	if preview.Postponed != rules.SenderUnknown || strings.Contains(preview.FromName, "mail.example") {
		t.Errorf("preview: sender %q, %s, from %s", preview.Sender, preview.Postponed, preview.FromName)
	}
	if mails := len(r.mailbox.Messages()); mails != 0 {
		t.Errorf("%d mails have left by another sender", mails)
	}
	r.publish(acme, events.FirmUpserted, firmData())
	if _, err := r.mailbox.Wait(r.ctx, 1); err != nil {
		t.Error(err)
	}
}
