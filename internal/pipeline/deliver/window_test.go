package deliver

import (
	"context"
	"testing"
	"time"

	"portal-invites/internal/testkit"

	"pgregory.net/rapid"
)

func TestTheWindowDoublesWithEveryRound(t *testing.T) {
	t.Parallel()
	w := newWindow(1)
	for _, want := range []int{1, 2, 4, 8, 16, 32, 32} {
		n := w.take(t.Context())
		if n != want {
			t.Fatalf("%d mails may leave, want %d", n, want)
		}
		for range n {
			w.grow(time.Millisecond)
		}
		w.giveBack(n)
	}
	w.restart()
	if n := w.take(t.Context()); n != 1 {
		t.Errorf("%d mails may leave to a server that has just come back, want 1", n)
	}
}

// In a round that is throttled, only the first result halves the window. The other mails left before it.
func TestTheWindowIsHalvedOnceARound(t *testing.T) {
	t.Parallel()
	w := newWindow(1)
	w.limit = 32
	w.take(t.Context())
	for range 32 {
		w.shrink()
	}
	w.giveBack(32)
	for _, want := range []int{16, 17, 18} { // from there on it grows by one per round
		n := w.take(t.Context())
		if n != want {
			t.Fatalf("%d mails may leave, want %d", n, want)
		}
		for range n {
			w.grow(time.Millisecond)
		}
		w.giveBack(n)
	}
}

func TestTheWindowKeepsItsLimits(t *testing.T) {
	t.Parallel()
	testkit.CheckOften(t, func(rt *rapid.T) {
		connections := rapid.IntRange(1, 5).Draw(rt, "connections")
		most := connections * mostPerConnection
		w := newWindow(connections)
		w.patience = 0
		full, cancel := context.WithCancel(t.Context())
		cancel()
		rt.Repeat(map[string]func(*rapid.T){
			"take": func(rt *rapid.T) {
				if w.taken >= w.limit {
					if n := w.take(full); n != 0 {
						rt.Fatalf("took %d from a full window", n)
					}
					return
				}
				w.take(t.Context())
			},
			"take now": func(rt *rapid.T) {
				room, most := max(w.limit-w.taken, 0), rapid.IntRange(0, most).Draw(rt, "most")
				if n := w.takeNow(most); n != min(room, most) {
					rt.Fatalf("took %d of %d, at most %d", n, room, most)
				}
			},
			"give back": func(rt *rapid.T) { w.giveBack(rapid.IntRange(0, w.taken).Draw(rt, "n")) },
			"grow": func(rt *rapid.T) {
				w.grow(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(rt, "took")))
			},
			"shrink":  func(*rapid.T) { w.shrink() },
			"restart": func(*rapid.T) { w.restart() },
			"": func(rt *rapid.T) {
				if w.most < connections*leastPerConnection || w.most > most || w.limit > w.most {
					rt.Fatalf("limit %d of %d", w.limit, w.most)
				}
				if w.limit < 1 || w.taken < 0 || w.taken > most {
					rt.Fatalf("limit %d, taken %d of %d", w.limit, w.taken, most)
				}
			},
		})
	})
}

// A slow server gets only as many mails as keep its connections busy, because mails that are claimed later wait behind
// them.
func TestTheWindowIsSmallIfMailsTakeLong(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]int{
		time.Millisecond: 2 * mostPerConnection, 10 * time.Millisecond: 2 * 25, time.Second: 2 * leastPerConnection,
	} {
		w := newWindow(2)
		for range 1000 {
			w.grow(took)
		}
		if w.limit != want {
			t.Errorf("%d mails may be on their way if each takes %s, want %d", w.limit, took, want)
		}
	}
}

func TestAClaimWaitsForHalfOfTheWindow(t *testing.T) {
	t.Parallel()
	w := newWindow(1)
	w.limit, w.patience = 8, time.Hour
	w.take(t.Context())
	took := make(chan int)
	go func() { took <- w.take(t.Context()) }()
	for range 4 {
		select {
		case n := <-took:
			t.Fatalf("took %d from a window that is more than half full", n)
		default:
		}
		w.giveBack(1)
	}
	if n := <-took; n != 4 {
		t.Errorf("took %d, want half of the window", n)
	}
	w.giveBack(1)
	w.patience = 0
	if n := w.take(t.Context()); n != 1 {
		t.Errorf("took %d after its patience, want all the room there is", n)
	}
}

func TestDrainingTheWindowWaitsForAllMails(t *testing.T) {
	t.Parallel()
	w := newWindow(1)
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
