package events

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func sequences(deliveries []Delivery) []uint64 {
	var list []uint64
	for _, d := range deliveries {
		list = append(list, d.At.Sequence)
	}
	return list
}

func mustBe(t *testing.T, got []Delivery, want ...uint64) {
	t.Helper()
	have := sequences(got)
	if len(have) != len(want) {
		t.Fatalf("deliveries %v, want %v", have, want)
	}
	for i := range want {
		if have[i] != want[i] {
			t.Fatalf("deliveries %v, want %v", have, want)
		}
	}
}

func TestFetchTakesTheReadyMessages(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for _, typ := range []Type{
		ClientUpserted, InviteRequested, ContactUpserted, BulkInviteRequested, ClientRemoved, FileShared,
	} {
		emit(t, js, typ)
	}
	requests, facts := open(t, js, InviteDurable), open(t, js, FactsDurable)
	ready(t, js, FactsDurable, 3)
	ready(t, js, InviteDurable, 2)

	got, err := facts.Fetch(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, got, 1, 3)
	got, err = facts.Fetch(t.Context(), 100) // with fewer than 100 messages ready, it does not wait for more
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, got, 5)
	got, err = requests.Fetch(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, got, 2, 6)

	created := requests.stream.CachedInfo().Created
	if d := got[1]; d.Type != FileShared || d.Firm != "acme" || d.Unreadable != nil || !d.At.Stream.Equal(created) ||
		created.IsZero() {
		t.Errorf("the second request is %+v", d)
	}
}

// Workers return messages in any order. The next batch is in the stream's order nevertheless.
func TestFetchKeepsTheStreamsOrder(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 4 {
		emit(t, js, ClientRemoved)
	}
	facts := open(t, js, FactsDurable)
	held := fetch(t, facts, 3)
	for _, i := range []int{2, 0, 1} {
		// Like Return, but the broker has received it when Request returns.
		if _, err := js.Conn().Request(held[i].msg.Reply, []byte("-NAK"), patience); err != nil {
			t.Fatal(err)
		}
	}
	again, err := facts.Fetch(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, again, 1, 2, 3, 4)
}

func TestFetchWaitsForTheNext(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	type result struct {
		got []Delivery
		err error
	}
	for most, waiting := range map[int]int{1: 1, 100: 3} { // the most to fetch, and how many are published at once
		fetched := make(chan result, 1)
		facts := open(t, js, FactsDurable)
		go func() {
			var r result
			for r.err == nil && len(r.got) == 0 { // each fetch waits for a second
				r.got, r.err = facts.Fetch(t.Context(), most)
			}
			fetched <- r
		}()
		eventually(t, "a fetch waits", func() bool { return durable(t, js, FactsDurable).NumWaiting == 1 })
		msgs := make([]*nats.Msg, waiting)
		for i := range msgs {
			msgs[i] = &nats.Msg{Subject: subject(t, ClientRemoved), Header: binary(ClientRemoved), Data: []byte(gone)}
		}
		if err := Publish(t.Context(), js, msgs); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-fetched:
			if r.err != nil {
				t.Fatal(r.err)
			}
			// The durable may not have learned yet of the messages behind the first one.
			rest := fetch(t, facts, waiting-len(r.got))
			if all := len(r.got) + len(rest); len(r.got) == 0 || all != waiting {
				t.Errorf("it returns %v, and the next fetch %v of %d messages", sequences(r.got), sequences(rest), waiting)
			}
		case <-time.After(patience):
			t.Fatal("no message arrives")
		}
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	facts := open(t, js, FactsDurable)
	ctx, cancel := context.WithCancel(t.Context())
	fetched := make(chan error, 1)
	go func() {
		var err error
		for err == nil { // each fetch waits for a second
			_, err = facts.Fetch(ctx, 10)
		}
		fetched <- err
	}()
	eventually(t, "the fetch waits", func() bool { return durable(t, js, FactsDurable).NumWaiting == 1 })
	cancel()
	select {
	case err := <-fetched:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Fetch returns the error %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("Fetch still waits")
	}
}

func TestFetchReturnsUnreadableMessages(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	publish(t, js, &nats.Msg{Subject: "portal.facts.acme.Nonsense", Data: []byte("hello")})
	emit(t, js, ClientRemoved)
	got := fetch(t, open(t, js, FactsDurable), 2)
	mustBe(t, got, 1, 2)
	if got[0].Unreadable == nil || got[0].Data != nil || got[1].Unreadable != nil {
		t.Errorf("unreadable: %v, %v", got[0].Unreadable, got[1].Unreadable)
	}
}

func TestReturnedDeliveriesAreRedeliveredAtOnce(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	emit(t, js, ClientUpserted)
	emit(t, js, ClientRemoved)
	facts := open(t, js, FactsDurable)
	Return(fetch(t, facts, 2))
	mustBe(t, fetch(t, facts, 2), 1, 2)
}

// A worker that reports progress keeps the delivery.
func TestInProgressDoesNotAcknowledge(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	emit(t, js, ClientRemoved)
	got := fetch(t, open(t, js, FactsDurable), 1)
	InProgress(got)
	if c := durable(t, js, FactsDurable); c.NumAckPending != 1 || c.AckFloor.Stream != 0 {
		t.Errorf("the durable is at %+v", c)
	}
	Ack(got)
	eventually(t, "it is acknowledged", func() bool { return durable(t, js, FactsDurable).AckFloor.Stream == 1 })
}

func TestOpeningWithoutATopology(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	_, err := OpenSource(t.Context(), js, FactsDurable)
	if !errors.Is(err, jetstream.ErrStreamNotFound) || err.Error()[:26] != "open stream PORTAL_EVENTS:" {
		t.Errorf("without a stream, OpenSource returns the error %v", err)
	}
	if _, err := OpenBarrier(t.Context(), js); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("without a stream, OpenBarrier returns the error %v", err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: EventsStream}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSource(t.Context(), js, FactsDurable); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("without a durable, OpenSource returns the error %v", err)
	}
	if _, err := OpenBarrier(t.Context(), js); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("without a durable, OpenBarrier returns the error %v", err)
	}
}
