package consume_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

type watched struct {
	pipeline.Unwatched
	reported []string
}

func (w *watched) StoodStill(durable string, sequence uint64, lasts time.Duration) {
	w.reported = append(w.reported, fmt.Sprintf("%s %d %s", durable, sequence, lasts))
}

// A worker holds a message for longer than 30 s, and others behind it are handled. It is reported again and again, and
// logged once.
func TestADurableThatStandsStillIsReported(t *testing.T) {
	t.Parallel()
	r := pipelinetest.New(t)
	seen := &watched{}
	s := consume.Standstill{Runner: loop.Runner{Log: zerolog.New(r.Log)}, Observer: seen, JS: r.JS}
	now := time.Now()
	look := func(after time.Duration) {
		t.Helper()
		r.Must(s.Look(r.Ctx, events.FactsDurable, now.Add(after)))
	}
	look(0) // nothing waits
	r.Publish(events.FirmUpserted, testkit.FirmData())
	r.Publish(events.FirmUpserted, testkit.FirmData())
	facts := r.Taken(events.FactsDurable, 2)
	look(time.Minute)
	events.Ack(facts[1:])
	look(89 * time.Second)
	if len(seen.reported) > 0 {
		t.Errorf("reported too early: %v", seen.reported)
	}
	look(90 * time.Second)
	look(91 * time.Second)
	if want := []string{"facts 1 30s", "facts 1 31s"}; !slices.Equal(seen.reported, want) {
		t.Errorf("reported %q, want %q", seen.reported, want)
	}
	events.Ack(facts)
	testenv.Eventually(t, time.Minute, func() error { return r.Acknowledged(events.FactsDurable) })
	look(2 * time.Minute)
	if last := seen.reported[len(seen.reported)-1]; last != "facts 0 0s" {
		t.Errorf("when it moves on: %s", last)
	}
	if lines := strings.Count(r.Log.String(), "stands still"); lines != 1 {
		t.Errorf("%d lines in the log:\n%s", lines, r.Log)
	}
}
