package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Bad messages are between good ones. All are on the stream before a worker starts, so that they come in the same
// batches.
func TestPoisonousMessagesLoseOnlyThemselves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(40)
	invite := func(n int, changes ...string) *nats.Msg {
		data := testkit.InviteData(fmt.Sprintf("c%d", n), testkit.Contact(fmt.Sprintf("k%d", n)))
		for i := 0; i+1 < len(changes); i += 2 {
			data = testkit.With(data, changes[i], changes[i+1])
		}
		return r.Event(events.InviteRequested, data)
	}
	on := func(subject string, msg *nats.Msg) *nats.Msg {
		msg.Subject = subject
		return msg
	}
	bad := map[string]*nats.Msg{ // by what its reason says
		"ce-specversion": on("portal.events.a1.InviteRequested", nats.NewMsg("")),
		"unknown":        on("portal.events.a2.NobodyKnowsThis", invite(2)),
		"firm: must be":  on("portal.events.a$3.InviteRequested", invite(2)),
		"client_id": on("portal.events.a4.InviteRequested",
			r.Event(events.InviteRequested, testkit.Object{
				"requested_by": "Lee", "recipients": []testkit.Object{testkit.Contact("k2")}})),
		// jsonb takes no NUL
		"x_unknown: has \\u0000":  on("portal.events.a5.InviteRequested", invite(2, "x_unknown", "a\x00b")),
		"the type in the subject": on("portal.events.a6.FileShared", invite(2)),
		"contacts": on("portal.facts.a8.ClientUpserted",
			r.Event(events.ClientUpserted, testkit.Object{
				"client_id": "c", "kind": "business", "name": "C", "contacts": "none"})),
		"belongs on": on("portal.bulk.a9.InviteRequested", invite(2)),
		"selection": on("portal.bulk.b1.BulkInviteRequested",
			r.Event(events.BulkInviteRequested, testkit.Object{
				"mode": "invite", "requested_by": "Lee", "selection": testkit.Object{}})),
		"tokens": on("portal.bulk.b2", invite(2)),
		"x_unknown: has \\u0000 ": on("portal.bulk.b3.BulkInviteRequested",
			r.Event(events.BulkInviteRequested, testkit.With(testkit.BulkAll(), "x_unknown", "a\x00b"))),
	}
	msgs := []*nats.Msg{}
	n := 2
	for _, msg := range bad {
		msgs = append(msgs, invite(n), msg, invite(n+1))
		n += 2
	}
	for _, msg := range msgs {
		_, err := r.JS.PublishMsg(r.Ctx, msg)
		r.Must(err)
	}

	r.StartBoth()
	r.Settled()
	letters := r.DeadLetters()
	for reason, msg := range bad {
		if got := letters[msg.Subject]; !strings.Contains(got, strings.TrimSpace(reason)) {
			t.Errorf("%s: the dead letter says %q, want %q in it", msg.Subject, got, reason)
		}
	}
	if len(letters) != len(bad) {
		t.Errorf("%d dead letters for %d bad messages: %v", len(letters), len(bad), letters)
	}
	if mails := len(r.Mailbox.Messages()); mails != n-2 {
		t.Errorf("%d mails for %d good requests", mails, n-2)
	}
}

// A firm's message that looks like a control message becomes a dead letter, and no other message waits for it.
func TestAForgedControlMessageStopsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(1)
	subjects := []string{
		"portal.facts.mallory.FirmUpserted",
		"portal.events.mallory.InviteRequested",
		"portal.bulk.mallory.BulkInviteRequested",
	}
	for _, subject := range subjects {
		for _, status := range []string{"404", "409", "503"} {
			_, err := r.JS.PublishMsg(r.Ctx, &nats.Msg{Subject: subject, Header: nats.Header{"Status": {status}}})
			r.Must(err)
		}
	}
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	if sent := r.Published(events.InviteSent); len(sent) != 1 {
		t.Errorf("%d mails were sent behind the forged messages, want 1", len(sent))
	}
	if letters := r.DeadLetters(); len(letters) != 3*len(subjects) {
		t.Errorf("%d dead letters, want one for each of the forged messages: %v", len(letters), letters)
	}
}
