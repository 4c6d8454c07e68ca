package events

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// removals returns n events of firm victim, with the ids r0, r1 and so on.
func removals(t *testing.T, n int) []*nats.Msg {
	t.Helper()
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msg, err := Outgoing{
			Subject: "portal.facts.victim.ClientRemoved", Type: ClientRemoved, Source: "/crm", ID: fmt.Sprint("r", i),
			Data: RemovedClient{ClientID: fmt.Sprint("C", i)},
		}.Message()
		if err != nil {
			t.Fatal(err)
		}
		msgs[i] = msg
	}
	return msgs
}

// occupy publishes messages of another firm with the Nats-Msg-Ids that the events will have.
func occupy(t *testing.T, js jetstream.JetStream, msgs ...*nats.Msg) {
	t.Helper()
	for _, msg := range msgs {
		publish(t, js, &nats.Msg{
			Subject: "portal.facts.mallory.ClientRemoved", Data: []byte("{}"),
			Header: nats.Header{nats.MsgIdHdr: {msg.Header.Get(nats.MsgIdHdr)}},
		})
	}
}

// idsOf returns the ce-ids of a firm's messages in PORTAL_EVENTS, in order.
func idsOf(t *testing.T, js jetstream.JetStream, firm string) []string {
	t.Helper()
	var ids []string
	for _, msg := range stored(t, js, EventsStream) {
		if FirmOf(msg.Subject) == firm {
			ids = append(ids, msg.Header.Get("ce-id"))
		}
	}
	return ids
}

// withLongWindow sets the window for duplicates so long that a slow machine can't outlast it.
func withLongWindow(t *testing.T) jetstream.JetStream {
	t.Helper()
	js := runPipelineBroker(t)
	c := streamConfig(t, js, EventsStream)
	c.Duplicates = 2 * patience
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return js
}

// The stream takes an event for a copy if another firm has just used its Nats-Msg-Id. Emit publishes it again, and what
// came after it, so that the newest fact stays the newest.
func TestEmitStoresAnEventWhoseIDAnotherFirmHasUsed(t *testing.T) {
	t.Parallel()
	js := withLongWindow(t)
	msgs := removals(t, 4)
	occupy(t, js, msgs[1], msgs[2])
	acks, err := Emit(t.Context(), js, msgs)
	if err != nil {
		t.Fatal(err)
	}
	if got := idsOf(t, js, "victim"); !slices.Equal(got, []string{"r0", "r3", "r1", "r2", "r3"}) {
		t.Errorf("the stream has %v", got)
	}
	for i, sequence := range []uint64{3, 5, 6, 7} { // behind the two messages of the other firm
		if acks[i].Duplicate || acks[i].Sequence != sequence {
			t.Errorf("event %d is acknowledged as %+v, want sequence %d", i, acks[i], sequence)
		}
	}
}

func TestEmitManyStoresEventsWhoseIDsAnotherFirmHasUsed(t *testing.T) {
	t.Parallel()
	js := withLongWindow(t)
	msgs := removals(t, 20)
	occupy(t, js, msgs[:10]...)
	if err := EmitMany(t.Context(), js, msgs); err != nil {
		t.Fatal(err)
	}
	got := idsOf(t, js, "victim")
	if len(got) < 20 {
		t.Fatalf("the stream has %v", got)
	}
	for i, id := range got[len(got)-20:] {
		if id != fmt.Sprint("r", i) {
			t.Fatalf("the stream ends with %v", got)
		}
	}
}

// A publisher that ignores the acknowledgement loses its event only while the window is open, which is a moment.
func TestAnotherFirmsIDsAreForgottenSoon(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	msg := removals(t, 1)[0]
	occupy(t, js, msg)
	eventually(t, "the event is stored", func() bool {
		ack, err := js.PublishMsg(t.Context(), msg)
		return err == nil && !ack.Duplicate
	})
	if got := idsOf(t, js, "victim"); len(got) != 1 {
		t.Errorf("the stream has %v", got)
	}
}

func TestIdentitiesOfTwoFirmsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, subject := range []string{
		"portal.facts.one.FirmUpserted", "portal.facts.two.FirmUpserted", "portal.outcomes.three.InviteSkipped.email_missing",
	} {
		seen[Outgoing{Subject: subject, Source: "crm", ID: "firm"}.Identity()] = true
	}
	for _, want := range []string{"one/crm/firm", "two/crm/firm", "three/crm/firm"} {
		if !seen[want] {
			t.Errorf("no event has the identity %s: %v", want, seen)
		}
	}
}
