package events

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// limits returns what a stream keeps, as the broker has it.
func limits(t *testing.T, js jetstream.JetStream, stream string) string {
	t.Helper()
	c := streamConfig(t, js, stream)
	return fmt.Sprintf("%v %d %d %v", c.MaxAge, c.MaxBytes, c.MaxMsgsPerSubject, c.DiscardNewPerSubject)
}

func TestStreamsKeepWhatTheSettingsSay(t *testing.T) {
	t.Parallel()
	set := Topology{
		Events: Kept{For: 48 * time.Hour, Bytes: 64 << 20}, EventsPerSubject: 500,
		Outcomes: Kept{For: 72 * time.Hour, Bytes: 32 << 20}, DeadLetters: Kept{For: 24 * time.Hour, Bytes: 16 << 20},
	}
	want := map[string]string{
		EventsStream: "48h0m0s 67108864 500 true", OutcomesStream: "72h0m0s 33554432 -1 false",
		DeadLettersStream: "24h0m0s 16777216 -1 false",
	}
	for name, before := range map[string]Topology{"new": set, "with the defaults": {}} {
		js := runBroker(t)
		for _, topology := range []Topology{before, set, {}} { // the last one has no limits, and leaves what is there
			if err := topology.Ensure(t.Context(), js); err != nil {
				t.Fatal(err)
			}
			if topology == (Topology{}) && before == topology {
				continue
			}
			for stream, limit := range want {
				if topology == (Topology{}) { // times have defaults
					_, limit, _ = strings.Cut(limit, " ")
				}
				if got := limits(t, js, stream); !strings.HasSuffix(got, limit) {
					t.Errorf("%s: %s keeps %s, want %s", name, stream, got, limit)
				}
			}
		}
	}
}

// The broker deletes what is over a new limit, and says nothing. So the topology looks first.
func TestEnsureRefusesALimitThatDeletesMessages(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 20 {
		emit(t, js, ClientRemoved)
	}
	emit(t, js, ContactRemoved)
	for i := range 3 {
		publishNumbered(t, js, i, i+1)
	}
	eventually(t, "the first message is old enough", func() bool {
		return time.Since(stored(t, js, EventsStream)[0].Time) > 100*time.Millisecond
	})
	for name, c := range map[string]struct {
		topology Topology
		want     string
	}{
		"per subject": {
			Topology{EventsPerSubject: 5},
			"stream PORTAL_EVENTS: it would keep up to 5 messages of a subject, and 1 subjects have more " +
				"(portal.facts.acme.ClientRemoved has 20): the broker would delete what is over the limit. ",
		},
		"bytes of outcomes": {
			Topology{Outcomes: Kept{Bytes: 100}}, "stream INVITE_OUTCOMES: it would keep up to 100 bytes, and it has ",
		},
		"age": {
			Topology{Events: Kept{For: 100 * time.Millisecond}},
			"stream PORTAL_EVENTS: it would keep messages for 100ms, and the oldest is from ",
		},
	} {
		err := c.topology.Ensure(t.Context(), js)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(err.Error(), "nats stream edit") {
			t.Errorf("%s: the error is\n  %v\nwant\n  %s", name, err, c.want)
		}
		if n, m := len(stored(t, js, EventsStream)), len(stored(t, js, OutcomesStream)); n != 21 || m != 3 {
			t.Errorf("%s: there are %d events and %d outcomes", name, n, m)
		}
	}

	// What is not over the limit is no reason to refuse, and neither is a limit in bytes on a stream that drops nothing.
	fits := Topology{EventsPerSubject: 20, Events: Kept{For: time.Hour, Bytes: 100}, Outcomes: Kept{Bytes: 1 << 20}}
	if err := fits.Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if n := len(stored(t, js, EventsStream)); n != 21 {
		t.Errorf("there are %d events", n)
	}
}

// A full stream refuses new events, so the publisher knows.
func TestAFullStreamRefusesNewEvents(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	if err := (Topology{EventsPerSubject: 2}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	msgs := removals(t, 3)
	acks, err := Emit(t.Context(), js, msgs)
	if len(acks) != 2 || err == nil || !strings.Contains(err.Error(), "maximum messages per subject exceeded") {
		t.Errorf("%d are acknowledged: %v", len(acks), err)
	}
	emit(t, js, ContactRemoved) // another subject
	if n := len(stored(t, js, EventsStream)); n != 3 {
		t.Errorf("there are %d events", n)
	}

	js = runBroker(t)
	if err := (Topology{Events: Kept{Bytes: 1}}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	_, err = Emit(t.Context(), js, msgs[:1])
	refusal, is := errors.AsType[*jetstream.APIError](err)
	if !is || !strings.Contains(refusal.Description, "maximum bytes exceeded") {
		t.Errorf("the error is %v", err)
	}
}
