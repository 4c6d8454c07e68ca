package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/store"
)

// Two workers notice at the same time that the stream went back. One of them begins the epoch, and the other one learns
// of it.
func TestOneWorkerBeginsAnEpoch(t *testing.T) {
	t.Parallel()
	b := open(t)
	known, err := b.EventStream(t.Context(), epoch)
	b.must(err)
	if !slices.Equal(known.Firsts, []uint64{1}) || !known.Begins[0].Equal(epoch) || known.Mark != (store.Mark{}) {
		t.Fatalf("a new stream is %+v", known)
	}
	b.raise(1, store.Mark{Sequence: 50, Time: 500, Newest: 501}, 1)
	b.raise(1, store.Mark{Sequence: 40, Time: 400, Newest: 400}, 1) // a redelivered message
	mark := store.Mark{Sequence: 29, Time: 290, Newest: 290}
	look := func(_ context.Context, now store.EventStream) (uint64, store.Mark, error) {
		if now.Mark.Sequence == mark.Sequence {
			return 0, store.Mark{}, nil
		}
		if want := (store.Mark{Sequence: 50, Time: 500, Newest: 501}); now.Mark != want {
			t.Errorf("the mark is %+v, want %+v", now.Mark, want)
		}
		return 30, mark, nil
	}
	var group errgroup.Group
	began := make(chan bool, 8)
	for range cap(began) {
		group.Go(func() error {
			known, did, err := b.BeginEpoch(t.Context(), epoch, look)
			began <- did
			if !slices.Equal(known.Firsts, []uint64{1, 30}) || time.Since(known.Begins[1]) > time.Hour {
				t.Errorf("after that, the stream is %+v", known)
			}
			return err
		})
	}
	b.must(group.Wait())
	close(began)
	if n := len(slices.DeleteFunc(slices.Collect(values(began)), func(did bool) bool { return !did })); n != 1 {
		t.Errorf("%d workers began an epoch", n)
	}
	// A worker that does not know the epoch yet raises nothing.
	b.raise(1, store.Mark{Sequence: 60, Time: 600, Newest: 600}, 2)
	known, err = b.EventStream(t.Context(), epoch)
	b.must(err)
	if known.Mark.Sequence != mark.Sequence || known.Mark.Time != mark.Time {
		t.Errorf("the mark is %+v, want %+v", known.Mark, mark)
	}
	b.raise(2, store.Mark{Sequence: 31, Time: 310, Newest: 310}, 2)
}

func values[T any](c <-chan T) func(func(T) bool) {
	return func(yield func(T) bool) {
		for v := range c {
			if !yield(v) {
				return
			}
		}
	}
}

func (b base) raise(epochs int, to store.Mark, want int) {
	b.Helper()
	got, err := b.RaiseMark(b.Context(), epoch, epochs, to)
	b.must(err)
	if got != want {
		b.Errorf("the stream has %d epochs, want %d", got, want)
	}
}

// A stream is made anew after the one before it went back. Its positions come after those of every epoch, even if the
// broker's clock is behind the database's.
func TestANewStreamComesAfterEveryEpoch(t *testing.T) {
	t.Parallel()
	b := open(t)
	old, began, err := b.BeginEpoch(t.Context(), epoch,
		func(context.Context, store.EventStream) (uint64, store.Mark, error) { return 30, store.Mark{}, nil })
	b.must(err)
	last := old.Begins[len(old.Begins)-1]
	for _, created := range []time.Time{epoch.Add(time.Hour), last.Add(time.Hour)} {
		known, err := b.EventStream(t.Context(), created)
		b.must(err)
		if begin := known.Begins[0]; !began || !begin.After(last) || begin.Before(created) {
			t.Errorf("the stream that was created at %s begins at %s, and the last epoch at %s", created, begin, last)
		}
		last = known.Begins[0]
	}
	again, err := b.EventStream(t.Context(), epoch)
	b.must(err)
	if !slices.Equal(again.Firsts, old.Firsts) || !slices.Equal(again.Begins, old.Begins) {
		t.Errorf("the old stream is %+v, and was %+v", again, old)
	}
}
