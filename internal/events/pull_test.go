package events

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// forged are headers that make a message look like a control message to the client library.
var forged = []nats.Header{
	{"Status": {"404"}}, {"Status": {"408"}}, {"Status": {"409"}, "Description": {"Consumer Deleted"}},
	{"Status": {"100"}}, {"Status": {"503"}}, {"status": {"404"}}, {"Nats-Pin-Id": {"pin"}},
	{"Nats-Pending-Messages": {"1"}},
}

// A message that looks like a control message is fetched like any other, and so are the messages behind it.
func TestAForgedControlMessageIsFetched(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	want := []uint64{}
	for _, header := range forged {
		for _, subject := range []string{"portal.facts.mallory.FirmUpserted", "portal.facts.victim.FirmUpserted"} {
			msg := &nats.Msg{Subject: subject, Header: header}
			if subject == "portal.facts.victim.FirmUpserted" {
				msg = &nats.Msg{Subject: subject, Data: []byte(`{}`)}
			}
			ack, err := js.PublishMsg(t.Context(), msg)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, ack.Sequence)
		}
	}
	facts := open(t, js, FactsDurable)
	ready(t, js, FactsDurable, uint64(len(want)))
	got, err := facts.Fetch(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, got, want...)
	for i, d := range got {
		if i%2 == 0 && d.Unreadable == nil {
			t.Errorf("the message with %v can be read", forged[i/2])
		}
	}
}

// A dead letter with the header would look like a control message to its reader.
func TestALetterDoesNotCarryTheHeader(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	publish(t, js, &nats.Msg{Subject: "portal.facts.mallory.FirmUpserted", Header: nats.Header{"Status": {"404"}}})
	facts := open(t, js, FactsDurable)
	got, err := facts.Fetch(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, got, 1)
	if err := facts.Bury(t.Context(), []Burial{{got[0], got[0].Unreadable}}, time.Now(), unrecorded); err != nil {
		t.Fatal(err)
	}
	letters, err := js.OrderedConsumer(t.Context(), DeadLettersStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	letter, err := letters.Next(jetstream.FetchMaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	if h := letter.Headers(); h.Get("Status") != "" || h.Get(originalPrefix+"Status") != "404" {
		t.Errorf("the letter's headers are %v", h)
	}
}

// A backlog of large messages is fetched in batches of limited size.
func TestABatchHasALimitInBytes(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	const n = 12
	large := bytes.Repeat([]byte("x"), 900_000)
	for range n {
		publish(t, js, &nats.Msg{Subject: "portal.facts.acme.FirmUpserted", Data: large})
	}
	facts := open(t, js, FactsDurable)
	for taken := 0; taken < n; {
		got, err := facts.Fetch(t.Context(), 500)
		if err != nil {
			t.Fatal(err)
		}
		weighs := 0
		for _, d := range got {
			weighs += len(d.msg.Data)
		}
		if len(got) == 0 || weighs > batchBytes {
			t.Fatalf("a batch of %d messages weighs %d", len(got), weighs)
		}
		taken += len(got)
		Ack(got)
	}
}

// A message that is larger than the limit of a batch is fetched alone, also behind smaller ones.
func TestAMessageOverTheLimitIsFetchedAlone(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for _, size := range []int{10, 100_000, 10} {
		publish(t, js, &nats.Msg{Subject: "portal.facts.acme.FirmUpserted", Data: make([]byte, size)})
	}
	facts := open(t, js, FactsDurable)
	ready(t, js, FactsDurable, 3)
	for _, want := range []uint64{1, 2, 3} {
		got, err := facts.take(t.Context(), pull{Batch: 10, MaxBytes: 1000, NoWait: true})
		if err != nil {
			t.Fatal(err)
		}
		mustBe(t, got, want)
	}
}

// A worker stops while messages are in the client's memory. All of them are returned, so that the worker can give them
// back to the broker.
func TestAStoppedFetchReturnsWhatHasArrived(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	p := newPuller(js, FactsDurable)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for range 10 {
		for range 3 {
			emit(t, js, FirmUpserted)
		}
		ask := pull{Batch: 10, Expires: patience}
		sub, came, err := p.request(ask)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "three messages have arrived", func() bool { return len(came) == 3 })
		msgs, err := p.collect(stopped, ask, sub, came)
		if len(msgs) != 3 || !errors.Is(err, context.Canceled) {
			t.Fatalf("%d of 3 messages were returned, with error %v", len(msgs), err)
		}
		for _, msg := range msgs {
			if err := msg.AckSync(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A worker acknowledges to a subject that came with a message, and with its own rights. So only acks of its own durable
// count, also if somebody has learned the inbox of a fetch.
func TestOnlyAcksOfTheDurableMakeAMessage(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	p := newPuller(js, FactsDurable)
	ask := pull{Batch: 1, Expires: patience}
	sub, came, err := p.request(ask)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	for _, reply := range []string{
		"$JS.API.STREAM.DELETE.PORTAL_EVENTS", "portal.facts.victim.FirmUpserted", "x.$JS.ACK.PORTAL_EVENTS.facts.1.1.1.1.1",
		"$JS.ACK.PORTAL_EVENTS.invite-worker.1.1.1.1.1", "$JS.ACK.OTHER.facts.1.1.1.1.1", "$JS.ACK.PORTAL_EVENTS.facts",
		"$JS.ACK._.hash.PORTAL_EVENTS.bulk-worker.1.1.1.1.1.x", "$JS.ACK.PORTAL_EVENTS.facts.OTHER.facts.1.1.1.1.1.x",
	} {
		forged := &nats.Msg{Subject: sub.Subject, Reply: reply, Header: nats.Header{"Status": {"404"}}}
		if err := js.Conn().PublishMsg(forged); err != nil {
			t.Fatal(err)
		}
	}
	emit(t, js, FirmUpserted)
	msgs, err := p.collect(t.Context(), ask, sub, came)
	if err != nil || len(msgs) != 1 || msgs[0].Subject != "portal.facts.acme.FirmUpserted" {
		t.Errorf("the fetch returned %d messages, want the one of the stream: %v", len(msgs), err)
	}
	for _, reply := range []string{
		"$JS.ACK.PORTAL_EVENTS.facts.1.1.1.1.1", "$JS.ACK.hub.hash.PORTAL_EVENTS.facts.1.1.1.1.1.x",
		"$JS.ACK._.hash.PORTAL_EVENTS.facts.1.1.1.1.1",
	} {
		if !p.isMessage(&nats.Msg{Reply: reply}) {
			t.Errorf("%s is not recognised", reply)
		}
	}
}
