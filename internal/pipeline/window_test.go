package pipeline

import (
	"context"
	"testing"

	"pgregory.net/rapid"
)

func TestTheWindowDoublesWithEveryRound(t *testing.T) {
	t.Parallel()
	w := newWindow(32)
	for _, want := range []int{1, 2, 4, 8, 16, 32, 32} {
		n := w.take(t.Context())
		if n != want {
			t.Fatalf("%d mails may leave, want %d", n, want)
		}
		for range n {
			w.grow()
		}
		w.giveBack(n)
	}
	w.restart()
	if n := w.take(t.Context()); n != 1 {
		t.Errorf("%d mails may leave to a server that has just come back, want 1", n)
	}
}

// Of a round that is throttled, the first result halves the window and the others, which left before it, do not.
func TestTheWindowIsHalvedOnceARound(t *testing.T) {
	t.Parallel()
	w := newWindow(32)
	w.limit = 32
	w.take(t.Context())
	for range 32 {
		w.shrink()
	}
	w.giveBack(32)
	for _, want := range []int{16, 17, 18} { // and from there on one more a round
		n := w.take(t.Context())
		if n != want {
			t.Fatalf("%d mails may leave, want %d", n, want)
		}
		for range n {
			w.grow()
		}
		w.giveBack(n)
	}
}

func TestTheWindowKeepsItsLimits(t *testing.T) {
	t.Parallel()
	checkOften(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 40).Draw(rt, "most")
		w := newWindow(most)
		full, cancel := context.WithCancel(t.Context())
		cancel()
		rt.Repeat(map[string]func(*rapid.T){
			"take": func(rt *rapid.T) {
				if w.taken >= w.limit {
					if n := w.take(full); n != 0 {
						rt.Fatalf("took %d of a window that is full", n)
					}
					return
				}
				w.take(t.Context())
			},
			"give back": func(rt *rapid.T) { w.giveBack(rapid.IntRange(0, w.taken).Draw(rt, "n")) },
			"grow":      func(*rapid.T) { w.grow() },
			"shrink":    func(*rapid.T) { w.shrink() },
			"restart":   func(*rapid.T) { w.restart() },
			"": func(rt *rapid.T) {
				if w.limit < 1 || w.limit > most || w.taken < 0 || w.taken > most {
					rt.Fatalf("limit %d, taken %d of %d", w.limit, w.taken, most)
				}
			},
		})
	})
}

func TestWhoDrainsTheWindowWaitsForAll(t *testing.T) {
	t.Parallel()
	w := newWindow(4)
	w.limit = 4
	n := w.take(t.Context())
	drained := make(chan error, 1)
	go func() { drained <- w.drained(t.Context()) }()
	for range n {
		select {
		case err := <-drained:
			t.Fatalf("drained with mails on their way: %v", err)
		default:
		}
		w.giveBack(1)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
