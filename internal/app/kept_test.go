package app

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Bytes{
		"0": 0, "1048576": 1 << 20, "2048kB": 2 << 20, "500MB": 500 << 20, "20GB": 20 << 30, "3TB": 3 << 40,
	} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s is %v, %v; want %v", text, b, err, want)
		}
	}
	for _, text := range []string{"", "much", "-1", "1", "20 GB", "20gb", "GB", "99999999999GB", "1.5GB"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %v", text, b)
		}
	}
}

func TestWhatIsKeptReachesTheStreams(t *testing.T) {
	t.Parallel()
	got := Kept{
		EventsKeep: 25 * time.Hour, EventsMaxBytes: 1, EventsPerSubject: 2, OutcomesKeep: 26 * time.Hour, OutcomesMaxBytes: 3,
		DeadLettersKeep: 27 * time.Hour, DeadLettersMaxBytes: 4,
	}.topology(events.Topology{Replicas: 3})
	want := events.Topology{
		Replicas: 3, Events: events.Kept{For: 25 * time.Hour, Bytes: 1}, EventsPerSubject: 2,
		Outcomes: events.Kept{For: 26 * time.Hour, Bytes: 3}, DeadLetters: events.Kept{For: 27 * time.Hour, Bytes: 4},
	}
	if got != want {
		t.Errorf("the topology is %+v, want %+v", got, want)
	}
}

// An event that comes again after its request is pruned would count as new.
func TestTheLedgerKeepsForLongerThanTheStream(t *testing.T) {
	t.Parallel()
	for keep, want := range map[time.Duration]string{
		0: "", 2881 * time.Hour: "", 2879 * time.Hour: "at least 2880h", 2880 * time.Hour: "",
	} {
		err := Ledger{Keep: keep}.check(720 * time.Hour)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", keep, err, want)
		}
	}
	if err := (Ledger{Keep: 2880 * time.Hour}).check(721 * time.Hour); err == nil {
		t.Error("a stream that keeps for longer is accepted")
	}
}
