package consume_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// A handler panics on one message of a batch. Only that message becomes a dead letter, and its reason does not quote
// the message.
func TestAPanicLosesOnlyTheMessageItIsAbout(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	for n := range 9 {
		client := "good"
		if n == 4 {
			client = "bad"
		}
		r.Invite(client, testkit.Contact("k"))
	}
	ctx, stop := context.WithCancel(r.Ctx)
	handled := map[string]int{}
	stage := r.ByHand(store.IndividualLane, r.Config()).Consumers.Stage("test", events.InviteDurable, 500,
		func(_ context.Context, _ *consume.Barrier, batch []events.Delivery) ([]events.Delivery, error) {
			for _, d := range batch {
				if request, ok := d.Data.(*events.Request); ok && request.ClientID == "bad" {
					panic("at secret@example.com")
				}
			}
			for _, d := range batch {
				handled[d.ID]++
			}
			return nil, nil
		})
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	r.Handled(events.InviteDurable)
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stage ended with %v", err)
	}
	for id, times := range handled {
		if times != 1 {
			t.Errorf("%s was handled %d times", id, times)
		}
	}
	if len(handled) != 8 {
		t.Errorf("%d messages were handled, want 8", len(handled))
	}
	letters := r.DeadLetters()
	if reason := letters["portal.events.acme.InviteRequested"]; len(letters) != 1 ||
		!strings.Contains(reason, "panicked") || strings.Contains(reason, "secret") {
		t.Errorf("dead letters: %v", letters)
	}
}

// The durable is removed while a stage waits for its next message. The stage creates it again, and reports at once that
// it has recovered, although no message comes.
func TestTheEndOfAnOutageIsReportedWithoutAMessage(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	ctx, stop := context.WithCancel(r.Ctx)
	waiting := make(chan bool, 100)
	consumers := r.ByHand(store.IndividualLane, r.Config()).Consumers
	consumers.Waiting = func(_ string, blocked bool) { waiting <- blocked }
	stage := consumers.Stage("test", events.InviteDurable, 500,
		func(context.Context, *consume.Barrier, []events.Delivery) ([]events.Delivery, error) { return nil, nil })
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()

	testenv.Eventually(t, time.Minute, func() error {
		durable, err := r.JS.Consumer(ctx, events.EventsStream, events.InviteDurable)
		if err == nil && durable.CachedInfo().NumWaiting == 0 {
			err = errors.New("the stage does not wait for a message yet")
		}
		return err
	})
	r.Must(r.JS.DeleteConsumer(ctx, events.EventsStream, events.InviteDurable))
	enough := time.After(time.Minute)
	for blocked := true; blocked; {
		select {
		case blocked = <-waiting:
		case <-enough:
			t.Fatal("the stage has not reported its recovery")
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stage ended with %v", err)
	}
}

// A worker that can't renew its lease, because its link to the database is mute, keeps nothing from the other workers.
func TestAWorkerWithoutALeaseKeepsNothingFromOthers(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	r.Publish(events.FirmUpserted, testkit.FirmData())
	ctx, stop := context.WithCancel(r.Ctx)
	consumers := r.ByHand(store.IndividualLane, r.Config()).Consumers
	consumers.Alive = func() bool { return false }
	stage := consumers.Stage("test", events.FactsDurable, 500,
		func(ctx context.Context, _ *consume.Barrier, _ []events.Delivery) ([]events.Delivery, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	r.WithWorkers(events.FactsDurable, 1)
	again := r.Taken(events.FactsDurable, 1)
	if len(again) != 1 || events.Complete(again) {
		t.Errorf("delivered again: %+v", again)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stage ended with %v", err)
	}
}

// A sender with a fault publishes many events that nobody can read, and one that can be read. The letters are recorded
// together, and the log says so once.
func TestManyDeadLettersAreReportedTogether(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	const n = 300
	var msgs []*nats.Msg
	for range n {
		msg := r.Event(events.InviteRequested, testkit.InviteData("c", testkit.Contact("k")))
		msg.Data = []byte("garbage\x00")
		msgs = append(msgs, msg)
	}
	r.PublishAll(msgs...)
	r.Invite("c", testkit.Contact("k"))
	r.StartInvites()
	r.Decided(1)
	if rows := testkit.Query[int](r.Scene, `SELECT count(*) FROM dead_letters`); rows != n {
		t.Errorf("%d letters are recorded, want %d", rows, n)
	}
	letters, err := r.JS.Stream(r.Ctx, events.DeadLettersStream)
	r.Must(err)
	if on := letters.CachedInfo().State.Msgs; on != n {
		t.Errorf("%d letters are on the stream, want %d", on, n)
	}
	if lines := strings.Count(r.Log.String(), "dead letters, and this is the first of them"); lines == 0 || lines > 5 {
		t.Errorf("the log has %d lines about it", lines)
	}
}

// A stage waits for something that other workers do not wait for, such as a link of its own that is mute. It gives back
// what it has fetched meanwhile, although the worker's lease lasts.
func TestAStageThatStandsGivesBackWhatItHasFetched(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	ctx, stop := context.WithCancel(r.Ctx)
	stands, ended := make(chan struct{}, 1), make(chan error, 2)
	consumers := r.ByHand(store.IndividualLane, r.Config()).Consumers
	consumers.Alive = func() bool { return true }
	first := consumers.Stage("stands", events.InviteDurable, 500,
		func(ctx context.Context, _ *consume.Barrier, _ []events.Delivery) ([]events.Delivery, error) {
			stands <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		})
	go func() { ended <- first.Run(ctx) }()
	r.Invite("c1", testkit.Contact("k1"))
	<-stands
	r.Invite("c2", testkit.Contact("k2"))
	r.WithWorkers(events.InviteDurable, 2)

	handled := make(chan string, 2)
	second := consumers.Stage("goes on", events.InviteDurable, 500,
		func(_ context.Context, _ *consume.Barrier, batch []events.Delivery) ([]events.Delivery, error) {
			for _, d := range batch {
				if request, ok := d.Data.(*events.Request); ok {
					handled <- request.ClientID
				}
			}
			return nil, nil
		})
	go func() { ended <- second.Run(ctx) }()
	select {
	case client := <-handled:
		if client != "c2" {
			t.Errorf("the request for %s is handled", client)
		}
	case <-time.After(time.Minute):
		t.Error("the other worker has not got the request that the first one fetched ahead (consume/ahead.go)")
	}
	stop()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a stage ended with %v", err)
		}
	}
}

// A worker that can't reach its database leaves messages to the others.
func TestAWorkerThatCannotRenewItsLeaseFetchesNothing(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	ctx, stop := context.WithCancel(r.Ctx)
	asked, mayFetch := make(chan struct{}), make(chan struct{})
	consumers := r.ByHand(store.IndividualLane, r.Config()).Consumers
	consumers.Renews = func() bool {
		select {
		case <-mayFetch:
			return true
		case asked <- struct{}{}:
			return false
		}
	}
	handled := make(chan struct{}, 1)
	stage := consumers.Stage("test", events.InviteDurable, 500,
		func(context.Context, *consume.Barrier, []events.Delivery) ([]events.Delivery, error) {
			handled <- struct{}{}
			return nil, nil
		})
	r.Invite("c", testkit.Contact("k"))
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	for range 3 {
		select {
		case <-asked:
		case <-time.After(time.Minute):
			t.Fatal("the stage does not ask whether it may fetch (consume/ahead.go)")
		}
	}
	durable, err := r.JS.Consumer(ctx, events.EventsStream, events.InviteDurable)
	r.Must(err)
	if n := durable.CachedInfo().NumAckPending; n != 0 {
		t.Errorf("the worker has fetched %d messages", n)
	}
	close(mayFetch)
	<-handled
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stage ended with %v", err)
	}
}
