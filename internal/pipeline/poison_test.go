package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// deadLetters are the reasons on the dead letter stream, by the subject that a letter came from.
func (r *rig) deadLetters() map[string]string {
	r.t.Helper()
	consumer, err := r.js.OrderedConsumer(r.ctx, events.DeadLettersStream, jetstream.OrderedConsumerConfig{})
	r.must(err)
	reasons := map[string]string{}
	for n := range r.streamSize(events.DeadLettersStream) {
		msg, err := consumer.Next(jetstream.FetchContext(r.ctx))
		r.must(err)
		from := msg.Headers()[events.DeadSubject][0]
		if _, twice := reasons[from]; twice {
			from += fmt.Sprintf(" #%d", n)
		}
		reasons[from] = msg.Headers()[events.DeadReason][0]
	}
	return reasons
}

// What can't be handled lies between what can; all of it is on the stream before a worker starts, so that it comes in the
// same batches.
func TestPoisonousMessagesLoseOnlyThemselves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office(40)
	invite := func(n int, changes ...string) *nats.Msg {
		data := inviteData(fmt.Sprintf("c%d", n), contact(fmt.Sprintf("k%d", n)))
		for i := 0; i+1 < len(changes); i += 2 {
			data = with(data, changes[i], changes[i+1])
		}
		return r.event(events.InviteRequested, data)
	}
	on := func(subject string, msg *nats.Msg) *nats.Msg {
		msg.Subject = subject
		return msg
	}
	bad := map[string]*nats.Msg{ // by what its reason says
		"ce-specversion":         on("portal.events.a1.InviteRequested", nats.NewMsg("")),
		"unknown":                on("portal.events.a2.NobodyKnowsThis", invite(2)),
		"firm: must be":          on("portal.events.a$3.InviteRequested", invite(2)),
		"client_id":              on("portal.events.a4.InviteRequested", r.event(events.InviteRequested, object{"requested_by": "Lee", "recipients": []object{contact("k2")}})),
		"SQLSTATE 22P05":         on("portal.events.a5.InviteRequested", invite(2, "x_unknown", "a\x00b")), // jsonb takes no NUL
		"which the subject says": on("portal.events.a6.FileShared", invite(2)),
		"contacts":               on("portal.facts.a8.ClientUpserted", r.event(events.ClientUpserted, object{"client_id": "c", "kind": "business", "name": "C", "contacts": "none"})),
		"belongs on":             on("portal.bulk.a9.InviteRequested", invite(2)),
		"selection":              on("portal.bulk.b1.BulkInviteRequested", r.event(events.BulkInviteRequested, object{"mode": "invite", "requested_by": "Lee", "selection": object{}})),
		"tokens":                 on("portal.bulk.b2", invite(2)),
		"SQLSTATE 22P05 ":        on("portal.bulk.b3.BulkInviteRequested", r.event(events.BulkInviteRequested, with(bulkAll(), "x_unknown", "a\x00b"))),
	}
	msgs := []*nats.Msg{}
	n := 2
	for _, msg := range bad {
		msgs = append(msgs, invite(n), msg, invite(n+1))
		n += 2
	}
	for _, msg := range msgs {
		_, err := r.js.PublishMsg(r.ctx, msg)
		r.must(err)
	}

	r.startBoth()
	r.settled()
	letters := r.deadLetters()
	for reason, msg := range bad {
		if got := letters[msg.Subject]; !strings.Contains(got, strings.TrimSpace(reason)) {
			t.Errorf("%s: the dead letter says %q, want %q in it", msg.Subject, got, reason)
		}
	}
	if len(letters) != len(bad) {
		t.Errorf("%d dead letters for %d bad messages: %v", len(letters), len(bad), letters)
	}
	if mails := len(r.mailbox.Messages()); mails != n-2 {
		t.Errorf("%d mails for %d good requests", mails, n-2)
	}
}

// A handler that panics over one message of a batch loses that one, and tells nobody what was in it.
func TestAPanicLosesOnlyTheMessageItIsAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	handled := map[string]int{}
	c := &consumer{Worker: NewInviteWorker(r.config()), durable: events.InviteDurable, size: decideBatch}
	c.handle = func(_ context.Context, _ *events.Barrier, batch []events.Delivery) error {
		for _, d := range batch {
			if request, ok := d.Data.(*events.Request); ok && request.ClientID == "bad" {
				panic("at secret@example.com")
			}
		}
		for _, d := range batch {
			handled[d.ID]++
		}
		return nil
	}
	for n := range 9 {
		client := "good"
		if n == 4 {
			client = "bad"
		}
		r.invite(client, contact("k"))
	}
	for len(handled) < 8 {
		if _, err := c.step(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	r.handled(events.InviteDurable)
	for id, times := range handled {
		if times != 1 {
			t.Errorf("%s was handled %d times", id, times)
		}
	}
	letters := r.deadLetters()
	if reason := letters["portal.events.acme.InviteRequested"]; len(letters) != 1 || !strings.Contains(reason, "panicked") || strings.Contains(reason, "secret") {
		t.Errorf("dead letters: %v", letters)
	}
}
