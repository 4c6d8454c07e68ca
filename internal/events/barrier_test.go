package events

import (
	"context"
	"errors"
	"testing"

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

func mustPass(t *testing.T, b *Barrier, sequence uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Wait(ctx, sequence); err != nil {
		t.Fatalf("it still waits at %d: %v", sequence, err)
	}
}

func mustWait(t *testing.T, b *Barrier, sequence uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), glance)
	defer cancel()
	if err := b.Wait(ctx, sequence); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it does not wait at %d: %v", sequence, err)
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

// A waiting worker continues when another worker has applied the facts.
func TestBarrierOpensWhileWaiting(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	emit(t, js, ClientUpserted)
	request := emit(t, js, InviteRequested)
	mustWait(t, b, request)
	opened := make(chan error, 1)
	go func() { opened <- b.Wait(t.Context(), request) }()
	Ack(fetch(t, open(t, js, FactsDurable), 1))
	eventually(t, "the barrier opens", func() bool { return len(opened) == 1 })
	if err := <-opened; err != nil {
		t.Error(err)
	}
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

// The facts of two workers are applied in the stream's order, whichever worker asks first.
func TestFactsOfTwoWorkersAreAppliedInOrder(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	b := barrier(t, js)
	for range 3 {
		emit(t, js, ClientRemoved)
	}
	source := open(t, js, FactsDurable)
	first, others := fetch(t, source, 1), fetch(t, source, 2)
	mustTake := func(n int, oldest uint64, want int) {
		t.Helper()
		if got, err := b.Turn(t.Context(), n, oldest); got != want || err != nil {
			t.Fatalf("of %d facts from %d on, %d may be applied (%v), want %d", n, oldest, got, err, want)
		}
	}
	if _, err := b.Turn(t.Context(), 2, 2); !errors.Is(err, ErrNotOurTurn) {
		t.Fatalf("newer facts may be applied before an older one: %v", err)
	}
	mustTake(1, 1, 1)
	Ack(first)
	eventually(t, "the first is applied", func() bool { return durable(t, js, FactsDurable).NumAckPending == 2 })
	mustTake(1, 2, 1) // the oldest, while another worker holds one
	mustTake(2, 2, 2) // no other worker holds any
	Ack(others)
}
