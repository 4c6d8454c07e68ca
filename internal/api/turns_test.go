package api

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// hall is a test's turns, whose calls go on until the test ends them.
type hall struct {
	*testing.T
	*turns
	begun   chan string
	refused chan error
	end     chan struct{}
}

func newHall(t *testing.T, slots, share, most int) *hall {
	t.Helper()
	h := &hall{
		T: t, turns: newTurns(slots, share, most),
		begun: make(chan string, 100), refused: make(chan error, 100), end: make(chan struct{}),
	}
	t.Cleanup(func() { close(h.end); h.stop() })
	return h
}

// call enters a line; the call's firm is what stands before the number.
func (h *hall) call(name string) {
	h.Helper()
	firm, _, _ := strings.Cut(name, " ")
	h.enter(firm, 1, time.Now().Add(time.Hour), func() { h.begun <- name; <-h.end }, func(err error) { h.refused <- err })
}

// next checks which call begins next.
func (h *hall) next(want string) {
	h.Helper()
	select {
	case got := <-h.begun:
		if got != want {
			h.Fatalf("%q has its turn, want %q", got, want)
		}
	case <-time.After(time.Minute):
		h.Fatalf("%q has no turn", want)
	}
}

func (h *hall) none() {
	h.Helper()
	select {
	case got := <-h.begun:
		h.Fatalf("%q has its turn, and no slot is free for it", got)
	default:
	}
}

func (h *hall) mustRefuse(want error) {
	h.Helper()
	select {
	case err := <-h.refused:
		if !errors.Is(err, want) {
			h.Errorf("refused with %v, want %v", err, want)
		}
	case <-time.After(time.Minute):
		h.Errorf("no call is refused with: %v", want)
	}
}

func (h *hall) endOne() { h.end <- struct{}{} }

// However many calls a firm has, there is a slot for another firm.
func TestAFirmDoesNotGetAllOfTheSlots(t *testing.T) {
	t.Parallel()
	h := newHall(t, 3, 2, 50)
	h.call("mallory 1")
	h.next("mallory 1")
	h.call("mallory 2")
	h.next("mallory 2")
	for range 20 {
		h.call("mallory n")
	}
	h.call("victim 1")
	h.next("victim 1")
	h.none()
	h.endOne() // any of the three
}

func TestFirmsTakeTurns(t *testing.T) {
	t.Parallel()
	h := newHall(t, 1, 1, 50)
	h.call("mallory 1")
	h.next("mallory 1")
	for _, name := range []string{"mallory 2", "mallory 3", "mallory 4", "victim 1", "victim 2", "third 1"} {
		h.call(name)
	}
	for _, want := range []string{"mallory 2", "victim 1", "third 1", "mallory 3", "victim 2", "mallory 4"} {
		h.none()
		h.endOne()
		h.next(want)
	}
}

func TestALineHasAnEnd(t *testing.T) {
	t.Parallel()
	h := newHall(t, 1, 1, 2)
	h.call("mallory 1")
	h.next("mallory 1")
	h.call("mallory 2")
	h.call("mallory 3")
	h.call("mallory 4")
	h.mustRefuse(errLineFull)
	h.call("victim 1")
	h.endOne()
	h.next("mallory 2")
	h.endOne()
	h.next("victim 1")

	refuse := func(err error) { h.refused <- err }
	for _, firm := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		h.enter(firm, mostOctetsOfFirm, time.Now().Add(time.Hour), func() {}, refuse)
	}
	h.enter("a", 1, time.Now().Add(time.Hour), func() {}, refuse)
	h.mustRefuse(errLineFull)
	h.enter("h", mostOctetsOfFirm, time.Now().Add(time.Hour), func() {}, refuse)
	h.mustRefuse(errBusy)
}

// A call whose caller has gone does not take up a slot.
func TestACallThatIsLateIsDropped(t *testing.T) {
	t.Parallel()
	h := newHall(t, 1, 1, 5)
	h.call("mallory 1")
	h.next("mallory 1")
	h.enter("mallory", 1, time.Now().Add(time.Millisecond), func() { h.begun <- "late" },
		func(err error) { h.refused <- err })
	h.mustRefuse(errNoTurn)
	h.call("mallory 2")
	h.endOne()
	h.next("mallory 2")
	h.endOne()
	h.stop()
	if h.busy != 0 || h.octets != 0 || len(h.lines) != 0 || len(h.order) != 0 {
		t.Errorf("something is left: %+v", h.turns)
	}
}

func TestCallsThatWaitAreRefusedAtAStop(t *testing.T) {
	t.Parallel()
	h := newHall(t, 1, 1, 5)
	h.call("mallory 1")
	h.next("mallory 1")
	h.call("mallory 2")
	stopped := make(chan struct{})
	go func() { h.stop(); close(stopped) }()
	h.mustRefuse(errStopping)
	h.call("victim 1")
	h.mustRefuse(errStopping)
	select {
	case <-stopped:
		t.Error("it has stopped before the call that had begun was answered")
	default:
	}
	h.endOne()
	<-stopped
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	b := newBuckets(time.Second, 3)
	now := time.Unix(1000, 0)
	for _, step := range []struct {
		key   string
		after time.Duration
		wait  time.Duration
	}{
		{"a", 0, 0}, {"a", 0, 0}, {"a", 0, 0}, {"a", 0, time.Second}, {"b", 0, 0},
		{"a", 400 * time.Millisecond, 600 * time.Millisecond}, {"a", 600 * time.Millisecond, 0}, {"a", 0, time.Second},
		{"a", time.Hour, 0}, {"a", 0, 0}, {"a", 0, 0}, {"a", 0, time.Second},
	} {
		now = now.Add(step.after)
		if wait := b.take(step.key, now); wait != step.wait {
			t.Errorf("%s at %s: wait %s, want %s", step.key, now.UTC(), wait, step.wait)
		}
	}
	b.take("c", now.Add(time.Hour))
	if len(b.full) != 1 {
		t.Errorf("%d buckets are remembered, and all but one are full", len(b.full))
	}
}
