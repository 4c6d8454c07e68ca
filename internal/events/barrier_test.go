package events

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func barrier(t *testing.T, js jetstream.JetStream) *Barrier {
	t.Helper()
	b, err := OpenBarrier(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// behind says whether a request of acme at the sequence must wait for facts.
func behind(t *testing.T, b *Barrier, sequence uint64) bool {
	t.Helper()
	lag, err := b.Behind(t.Context(), map[string]uint64{"acme": sequence})
	if err != nil {
		t.Fatal(err)
	}
	return len(lag.Facts) > 0
}

func mustPass(t *testing.T, b *Barrier, sequence uint64) {
	t.Helper()
	eventually(t, "the request may be decided", func() bool { return !behind(t, b, sequence) })
}

func mustWait(t *testing.T, b *Barrier, sequence uint64) {
	t.Helper()
	if !behind(t, b, sequence) {
		t.Fatalf("the request at %d need not wait", sequence)
	}
}

func TestBarrierWithoutFacts(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	mustPass(t, b, emit(t, js, InviteRequested))
	mustPass(t, b, emit(t, js, BulkInviteRequested))
}

// A request does not wait for a later fact, even if no fact has been applied yet.
func TestBarrierPassesBeforeTheFirstFact(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	request := emit(t, js, InviteRequested)
	emit(t, js, ClientUpserted)
	mustPass(t, b, request)
	mustWait(t, b, emit(t, js, InviteRequested))
}

func TestBarrierWaitsForTheFactsBefore(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	emit(t, js, ClientUpserted)             // 1
	request := emit(t, js, InviteRequested) // 2
	emit(t, js, ContactUpserted)            // 3: later than the request
	later := emit(t, js, InviteRequested)   // 4

	mustWait(t, b, request)
	facts := fetch(t, open(t, js, FactsDurable), 2)
	mustWait(t, b, request) // the facts are delivered, but not applied
	Ack(facts[:1])
	mustPass(t, b, request)
	mustWait(t, b, later)
	Ack(facts[1:])
	mustPass(t, b, later)
	mustPass(t, b, request) // redelivered
}

// Workers apply facts in parallel, so an older fact may be applied after a newer one.
func TestBarrierWithFactsAppliedOutOfOrder(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	emit(t, js, ClientUpserted)
	emit(t, js, ContactUpserted)
	request := emit(t, js, InviteRequested)
	facts := fetch(t, open(t, js, FactsDurable), 2)
	Ack(facts[1:])
	eventually(t, "the second fact is applied", func() bool { return durable(t, js, FactsDurable).NumAckPending == 1 })
	mustWait(t, b, request)
	Ack(facts[:1])
	mustPass(t, b, request)
}

// An operator may have the facts applied once more. For a worker that saw them applied, they stay applied. A worker
// that starts after the reset can't know that they were, and waits.
func TestBarrierAfterAReset(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	emit(t, js, ClientUpserted)
	emit(t, js, ContactUpserted)
	request := emit(t, js, InviteRequested)
	old := barrier(t, js)
	Ack(fetch(t, open(t, js, FactsDurable), 2))
	mustPass(t, old, request)

	if _, err := js.ResetConsumerToSequence(t.Context(), EventsStream, FactsDurable, 1); err != nil {
		t.Fatal(err)
	}
	mustPass(t, old, request)
	fresh := barrier(t, js)
	mustWait(t, fresh, request)
	again := fetch(t, open(t, js, FactsDurable), 2)
	mustBe(t, again, 1, 2)
	Ack(again)
	mustPass(t, fresh, request)
}

// A request does not wait for facts that the stream no longer has.
func TestBarrierPassesFactsThatAreGone(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	emit(t, js, ClientUpserted)
	request := emit(t, js, InviteRequested)
	stream, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	mustPass(t, barrier(t, js), request)
}

// A request waits for its own firm's facts only. What a worker has applied out of turn counts for that firm, and for no
// other.
func TestBarrierOfTwoFirms(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	emitOf(t, js, "mallory", ContactUpserted) // 1
	emit(t, js, ContactUpserted)              // 2
	request := emit(t, js, InviteRequested)   // 3
	emitOf(t, js, "mallory", ContactUpserted) // 4
	both := map[string]uint64{"acme": request, "mallory": 5, "other": 5}
	mustBeBehind := func(want map[string]uint64) {
		t.Helper()
		got, err := b.Behind(t.Context(), both)
		if err != nil || !maps.Equal(got.Facts, want) || len(got.Reports) > 0 {
			t.Fatalf("behind are %v (%v), want %v", got, err, want)
		}
	}
	mustBeBehind(map[string]uint64{"acme": 2, "mallory": 1})
	b.Raise("acme", Position{Stream: time.Unix(1, 0), Sequence: 9}) // of another stream
	mustBeBehind(map[string]uint64{"acme": 2, "mallory": 1})
	b.Raise("acme", b.At(2))
	b.Raise("mallory", b.At(1))
	mustBeBehind(map[string]uint64{"mallory": 4})
	b.RaiseAll(4)
	mustBeBehind(nil)
}

// A report about a mail is behind by itself, and hides no other fact. Reports are not read with the other facts.
func TestBarrierTellsReportsFromOtherFacts(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	for range 3 {
		emit(t, js, MailReported) // 1 to 3
	}
	mustBeBehind := func(sequence uint64, facts, reports map[string]uint64) {
		t.Helper()
		lag, err := b.Behind(t.Context(), map[string]uint64{"acme": sequence})
		if err != nil || !maps.Equal(lag.Facts, facts) || !maps.Equal(lag.Reports, reports) {
			t.Fatalf("at %d: %+v (%v), want facts %v and reports %v", sequence, lag, err, facts, reports)
		}
	}
	request := emit(t, js, InviteRequested) // 4
	mustBeBehind(request, nil, map[string]uint64{"acme": 1})
	emit(t, js, ContactUpserted) // 5
	emit(t, js, ClientUpserted)  // 6
	later := emit(t, js, InviteRequested)
	mustBeBehind(request, nil, map[string]uint64{"acme": 1})
	mustBeBehind(later, map[string]uint64{"acme": 5}, nil)
	facts, upTo, err := b.FactsOf(t.Context(), "acme", 0, later, 10)
	if err != nil || len(facts) != 2 || facts[0].Type != ContactUpserted || facts[1].Type != ClientUpserted ||
		upTo.Sequence != later-1 {
		t.Fatalf("read %+v up to %d, %v", facts, upTo.Sequence, err)
	}
	Ack(fetch(t, open(t, js, FactsDurable), 5))
	mustPass(t, b, later)
}

// The facts of one firm are read from the stream. One that can't be read is left out, and nobody waits for it.
func TestFactsOfAFirmAreReadInOrder(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	emit(t, js, ContactUpserted) // 1
	emitOf(t, js, "mallory", ContactUpserted)
	publish(t, js, &nats.Msg{Subject: "portal.facts.acme.Nonsense", Data: []byte("hello")}) // 3
	emit(t, js, InviteRequested)
	emit(t, js, ClientUpserted) // 5
	emit(t, js, ContactRemoved) // 6
	read := func(after, before uint64, n int, upTo uint64, want ...uint64) {
		t.Helper()
		facts, to, err := b.FactsOf(t.Context(), "acme", after, before, n)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, fact := range facts {
			if fact.Firm != "acme" || !fact.At.Stream.Equal(to.Stream) || fact.Data == nil {
				t.Errorf("read %+v", fact)
			}
			got = append(got, fact.At.Sequence)
		}
		if !slices.Equal(got, want) || to.Sequence != upTo {
			t.Errorf("from %d to %d: %v, up to %d; want %v, up to %d", after, before, got, to.Sequence, want, upTo)
		}
	}
	read(0, 6, 10, 5, 1, 5)
	read(0, 7, 10, 6, 1, 5, 6)
	read(0, 7, 2, 5, 1, 5)
	read(3, 7, 1, 5, 5)
	read(6, 9, 5, 8)
}

// A batch is complete if its durable has delivered nothing else in between, and delivers nothing again.
func TestABatchIsCompleteIfNobodyElseHasOneInBetween(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 4 {
		emit(t, js, ClientRemoved)
		emit(t, js, InviteRequested)
	}
	source := open(t, js, FactsDurable)
	facts := fetch(t, source, 4)
	if !Complete(facts) || !Complete(facts[1:3]) {
		t.Error("a whole batch is not complete")
	}
	if Complete([]Delivery{facts[0], facts[2]}) {
		t.Error("a batch with a gap is complete")
	}
	Return(facts[:1])
	if again := fetch(t, source, 1); Complete(again) {
		t.Error("a redelivery is complete")
	}
}
