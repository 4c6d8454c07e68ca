package events

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

func TestManyProcessesEnsureAtOnce(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	var starting errgroup.Group
	for range 8 {
		own := connect(t, js.Conn().ConnectedUrl())
		starting.Go(func() error { return Topology{}.Ensure(t.Context(), own) })
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]struct {
		subjects []string
		discard  jetstream.DiscardPolicy
		maxAge   time.Duration
		direct   bool
		window   time.Duration // in which the broker drops a Nats-Msg-Id that it has seen
	}{
		EventsStream: {
			[]string{"portal.facts.>", "portal.events.>", "portal.bulk.>"}, jetstream.DiscardNew, 30 * 24 * time.Hour, false,
			100 * time.Millisecond,
		},
		OutcomesStream: {
			[]string{"portal.outcomes.>"}, jetstream.DiscardOld, 90 * 24 * time.Hour, true, 2 * time.Minute,
		},
		DeadLettersStream: {[]string{"portal.dead.>"}, jetstream.DiscardOld, 90 * 24 * time.Hour, true, 2 * time.Minute},
	} {
		c := streamConfig(t, js, name)
		if !slices.Equal(c.Subjects, want.subjects) || c.Discard != want.discard || c.MaxAge != want.maxAge ||
			c.AllowDirect != want.direct || c.Duplicates != want.window {
			t.Errorf("%s is created as %+v", name, c)
		}
		if c.Retention != jetstream.LimitsPolicy || c.Storage != jetstream.FileStorage || c.Replicas != 1 {
			t.Errorf("%s keeps with %v on %v, %d times", name, c.Retention, c.Storage, c.Replicas)
		}
	}
	for name, filter := range map[string]string{
		FactsDurable: "portal.facts.>", InviteDurable: "portal.events.>", BulkDurable: "portal.bulk.>",
	} {
		c := durable(t, js, name).Config
		if c.FilterSubject != filter || c.AckPolicy != jetstream.AckExplicitPolicy || c.MaxDeliver != -1 ||
			c.DeliverPolicy != jetstream.DeliverAllPolicy {
			t.Errorf("the durable %s is created as %+v", name, c)
		}
	}
}

func streamConfig(t *testing.T, js jetstream.JetStream, name string) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

// A starting worker finds streams and durables that other workers created and use.
func TestEnsureAgainChangesNothing(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	emit(t, js, ClientRemoved)
	emit(t, js, ClientRemoved)
	Ack(fetch(t, open(t, js, FactsDurable), 1))
	eventually(t, "the first fact is acknowledged",
		func() bool { return durable(t, js, FactsDurable).AckFloor.Stream == 1 })
	before := durable(t, js, FactsDurable)

	if err := (Topology{}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if n := len(stored(t, js, EventsStream)); n != 2 {
		t.Errorf("the stream now has %d messages", n)
	}
	after := durable(t, js, FactsDurable)
	if !after.Created.Equal(before.Created) || after.AckFloor.Stream != 1 || after.NumPending != before.NumPending {
		t.Errorf("the durable was at\n  %+v\nand is at\n  %+v", before, after)
	}
}

func TestEnsureBringsOldStreamsUpToDate(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: EventsStream, Subjects: []string{"portal.facts.>"}, MaxAge: time.Hour, AllowDirect: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	emit(t, js, ClientRemoved)

	topology := Topology{
		Events: Kept{For: 48 * time.Hour}, Outcomes: Kept{For: 72 * time.Hour}, DeadLetters: Kept{For: 72 * time.Hour},
	}
	if err := topology.Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	c := streamConfig(t, js, EventsStream)
	if c.MaxAge != 48*time.Hour || len(c.Subjects) != 3 || c.AllowDirect || c.Discard != jetstream.DiscardNew ||
		c.Duplicates != 100*time.Millisecond {
		t.Errorf("%s is now %+v", EventsStream, c)
	}
	for _, name := range []string{OutcomesStream, DeadLettersStream} {
		if age := streamConfig(t, js, name).MaxAge; age != 72*time.Hour {
			t.Errorf("%s keeps for %v", name, age)
		}
	}
	emit(t, js, InviteRequested)
	if n := len(stored(t, js, EventsStream)); n != 2 {
		t.Errorf("there are %d messages, want the old one and the new one", n)
	}
}

func TestEnsureRefusesWhatItCanNotChange(t *testing.T) {
	t.Parallel()
	stream := jetstream.StreamConfig{
		Name: EventsStream, Subjects: []string{"portal.facts.>", "portal.events.>", "portal.bulk.>"},
	}
	altered := func(change func(*jetstream.StreamConfig)) jetstream.StreamConfig {
		c := stream
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		stream  jetstream.StreamConfig
		durable *jetstream.ConsumerConfig
		want    string
	}{
		"memory": {
			stream: altered(func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }),
			want:   "stream PORTAL_EVENTS: storage is Memory and must be File, which can't be changed in place",
		},
		"a work queue": {
			stream: altered(func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }),
			want:   "stream PORTAL_EVENTS: retention is WorkQueue and must be Limits, which can't be changed in place",
		},
		"kept on interest": {
			stream: altered(func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }),
			want:   "stream PORTAL_EVENTS: retention is Interest and must be Limits, which can't be changed in place",
		},
		"sealed": {
			stream: altered(func(c *jetstream.StreamConfig) { c.Sealed = true }),
			want:   "stream PORTAL_EVENTS: state is sealed and must be open for writing",
		},
		"a mirror": {
			stream: jetstream.StreamConfig{Name: EventsStream, Mirror: &jetstream.StreamSource{Name: "ELSEWHERE"}},
			want:   "stream PORTAL_EVENTS: origin is a mirror or sources and must be its own subjects",
		},
		"a durable with another filter": {
			stream: stream,
			durable: &jetstream.ConsumerConfig{
				Durable: FactsDurable, FilterSubject: "portal.facts.acme.>", AckPolicy: jetstream.AckExplicitPolicy,
			},
			want: "durable facts on PORTAL_EVENTS: it must be a pull consumer with explicit acks and the filter " +
				"portal.facts.>",
		},
		"a durable without acks": {
			stream: stream,
			durable: &jetstream.ConsumerConfig{
				Durable: InviteDurable, FilterSubject: "portal.events.>", AckPolicy: jetstream.AckNonePolicy,
			},
			want: "durable invite-worker on PORTAL_EVENTS: it must be a pull consumer with explicit acks and the filter " +
				"portal.events.>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := runBroker(t)
			sealed := c.stream.Sealed
			c.stream.Sealed = false
			made, err := js.CreateStream(t.Context(), c.stream)
			if err != nil {
				t.Fatal(err)
			}
			if sealed {
				c.stream.Sealed = true
				if _, err := js.UpdateStream(t.Context(), c.stream); err != nil {
					t.Fatal(err)
				}
			}
			if c.durable != nil {
				if _, err := made.CreateConsumer(t.Context(), *c.durable); err != nil {
					t.Fatal(err)
				}
			}
			err = Topology{}.Ensure(t.Context(), js)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("the error is\n  %v\nwant\n  %s", err, c.want)
			}
		})
	}
}

func TestEnsureSaysWhichStreamFailed(t *testing.T) {
	t.Parallel()
	err := Topology{Replicas: 3}.Ensure(t.Context(), runBroker(t))
	if err == nil || !strings.Contains(err.Error(), "stream "+EventsStream) || !strings.Contains(err.Error(), "replicas") {
		t.Errorf("three replicas on one server: %v", err)
	}
}

// An operator who starts the pipeline on an old stream decides where a durable begins.
func TestEnsureKeepsWhereADurableStarts(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 3 {
		emit(t, js, ClientRemoved)
	}
	start := durable(t, js, FactsDurable).Config
	start.DeliverPolicy, start.OptStartSeq, start.MaxAckPending = jetstream.DeliverByStartSequencePolicy, 3, 7
	if err := js.DeleteConsumer(t.Context(), EventsStream, FactsDurable); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateConsumer(t.Context(), EventsStream, start); err != nil {
		t.Fatal(err)
	}
	if err := (Topology{}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	after := durable(t, js, FactsDurable)
	if after.Config.OptStartSeq != 3 || after.NumPending != 1 {
		t.Errorf("it starts at %d with %d pending", after.Config.OptStartSeq, after.NumPending)
	}
	if after.Config.MaxAckPending != 10_000 {
		t.Errorf("its limit of unacknowledged messages stayed at %d", after.Config.MaxAckPending)
	}
}
