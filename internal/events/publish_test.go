package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outcomes returns n events of one run, with numbers as their ids.
func outcomes(t *testing.T, n int) []*nats.Msg {
	t.Helper()
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msg, err := Outgoing{
			Subject: outcomeSubject("acme", RunProgressed, ""), Type: RunProgressed, Source: OutcomeSource,
			ID: fmt.Sprint(i), Data: i,
		}.Message()
		if err != nil {
			t.Fatal(err)
		}
		msgs[i] = msg
	}
	return msgs
}

// mustHold checks that INVITE_OUTCOMES has exactly the events with those ids, in that order.
func mustHold(t *testing.T, js jetstream.JetStream, ids ...int) {
	t.Helper()
	got := stored(t, js, OutcomesStream)
	if len(got) != len(ids) {
		t.Fatalf("the stream has %d messages, want %d", len(got), len(ids))
	}
	for i, id := range ids {
		if have := got[i].Header.Get("ce-id"); have != fmt.Sprint(id) || string(got[i].Data) != have {
			t.Fatalf("message %d is the event %s with %s, want %d", i, have, got[i].Data, id)
		}
	}
}

func upTo(n int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = i
	}
	return ids
}

const batchID = "Nats-Batch-Id"

// mustBeClean checks that publishing a batch left nothing on the messages.
func mustBeClean(t *testing.T, msgs []*nats.Msg) {
	t.Helper()
	for _, msg := range msgs {
		for name := range msg.Header {
			if strings.HasPrefix(name, "Nats-Batch") {
				t.Fatalf("%s is left on the message %s", name, msg.Header.Get("ce-id"))
			}
		}
		if msg.Reply != "" {
			t.Fatalf("a reply subject is left on the message %s", msg.Header.Get("ce-id"))
		}
	}
}

func TestPublishManyAndAgain(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	msgs := outcomes(t, 2500)
	if err := Publish(t.Context(), js, msgs); err != nil {
		t.Fatal(err)
	}
	mustHold(t, js, upTo(2500)...)
	mustBeClean(t, msgs)
	if all := stored(t, js, OutcomesStream); all[0].Header.Get(batchID) == "" || all[2499].Header.Get(batchID) == "" {
		t.Error("the messages were not published as batches, and cost one disk sync each")
	}

	if err := Publish(t.Context(), js, msgs); err != nil { // as a caller does after an error
		t.Fatal("the second time: ", err)
	}
	mustHold(t, js, upTo(2500)...)
	mustBeClean(t, msgs)
}

func TestPublishWithOneAlreadyStoredMessage(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	msgs := outcomes(t, 10)
	if err := Publish(t.Context(), js, msgs[4:5]); err != nil {
		t.Fatal(err)
	}
	if err := Publish(t.Context(), js, msgs); err != nil {
		t.Fatal(err)
	}
	mustHold(t, js, 4, 0, 1, 2, 3, 5, 6, 7, 8, 9)
	for _, msg := range stored(t, js, OutcomesStream) {
		if msg.Header.Get(batchID) != "" {
			t.Fatal("a message that was published alone has the headers of a batch")
		}
	}
	mustBeClean(t, msgs)
}

// If a later batch failed, the caller publishes the messages again, perhaps one by one.
func TestPublishAgainInOtherBatches(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	msgs := outcomes(t, 3)
	for _, piece := range [][]*nats.Msg{msgs[:2], msgs[:1], msgs[1:2], msgs[1:]} {
		if err := Publish(t.Context(), js, piece); err != nil {
			t.Fatal(err)
		}
	}
	mustHold(t, js, 0, 1, 2)
}

func TestPublishNothing(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	if err := Publish(t.Context(), js, nil); err != nil {
		t.Error(err)
	}
}

// An older stream may not allow batches.
func TestPublishWithoutBatches(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	c := streamConfig(t, js, OutcomesStream)
	c.AllowAtomicPublish = false
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := Publish(t.Context(), js, outcomes(t, 1500)); err != nil {
		t.Fatal(err)
	}
	mustHold(t, js, upTo(1500)...)
}

func TestPublishNamesTheSubjectThatIsNotStored(t *testing.T) {
	t.Parallel()
	js := runBroker(t) // without any stream
	err := Publish(t.Context(), js, outcomes(t, 2))
	if !errors.Is(err, jetstream.ErrNoStreamResponse) ||
		!strings.HasPrefix(err.Error(), "2 of 2 messages are not stored; the first: publish to portal.outcomes.acme.") {
		t.Errorf("the error is %v", err)
	}
	if !Away(err) {
		t.Error("Away is false, although the stream may come back")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Publish(ctx, js, outcomes(t, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancellation, the error is %v", err)
	}
}
