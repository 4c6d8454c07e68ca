package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var made = time.Date(2026, 1, 12, 10, 0, 0, 0, time.UTC)

func at(sequence uint64) api.Place { return api.Place{Made: made, Sequence: sequence} }

func notes(from, to uint64) (list []note) {
	for s := from; s <= to; s++ {
		list = append(list, note{place: at(s), run: fmt.Sprint("r", s)})
	}
	return list
}

// Whoever comes back goes on exactly behind their place. Where that is not possible, they are told to load afresh.
func TestWhatIsBehindAPlace(t *testing.T) {
	t.Parallel()
	f := newFeed("acme", nil)
	if v := f.behind(at(5), true); v.resync || v.known || len(v.news) > 0 {
		t.Errorf("before anything was read: %+v", v)
	}
	f.take(nil, at(10), false)
	f.take(notes(11, 20), at(25), false) // up to 25 nothing else was of this firm
	for from, want := range map[uint64]int{10: 10, 15: 5, 20: 0, 25: 0} {
		if v := f.behind(at(from), true); len(v.news) != want || v.resync || v.to != at(25) {
			t.Errorf("behind %d: %+v", from, v)
		}
	}
	for name, from := range map[string]api.Place{
		"before what is kept": at(9), "after the end": at(26),
		"another stream": {Made: made.Add(time.Second), Sequence: 15},
	} {
		if v := f.behind(from, true); !v.resync {
			t.Errorf("%s: %+v", name, v)
		}
	}
	f.take(notes(26, 25+kept), at(25+kept), false)
	if v := f.behind(at(19), true); !v.resync || len(f.notes) != kept {
		t.Errorf("what is no longer kept: resync %v, %d are kept", v.resync, len(f.notes))
	}
	if v := f.behind(at(25), true); v.resync || len(v.news) != kept {
		t.Errorf("what is just kept still: resync %v, %d", v.resync, len(v.news))
	}
	anew := api.Place{Made: made.Add(time.Hour), Sequence: 3}
	f.take(notes(1, 3), anew, true)
	if v := f.behind(at(20+kept), true); !v.resync || v.to != anew {
		t.Errorf("a stream that was made anew: resync %v, to %v", v.resync, v.to)
	}
}

// The id of an event is the stream's creation time and sequence, and nothing else is read as one.
func TestTheIDOfAnEvent(t *testing.T) {
	t.Parallel()
	place := api.Place{Made: made.Add(7), Sequence: 42}
	if got, ok := read(write(place)); !ok || !got.Made.Equal(place.Made) || got.Sequence != 42 {
		t.Errorf("%s is read as %v, %v", write(place), got, ok)
	}
	for _, id := range []string{"", "42", "x-1", "1-x", "1--1", "1-2-3"} {
		if got, ok := read(id); ok {
			t.Errorf("%q is read as %v", id, got)
		}
	}
}

// A reader goes on behind what it has read, also after errors, and says meanwhile that it is away.
func TestAReaderGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	var asked []string
	calls := make(chan struct{}, 100)
	f := newFeed("acme", nil)
	f.ask = func(ctx context.Context, firm string, r api.OutcomesRequest) (api.OutcomesAnswer, error) {
		asked = append(asked, r.After)
		calls <- struct{}{}
		switch len(asked) {
		case 1:
			return answerAt(t, firm, r, 10)
		case 2:
			return answerAt(t, firm, r, 11, 11)
		case 3:
			return api.OutcomesAnswer{}, errors.New("away")
		case 4:
			return answerAt(t, firm, r, 12, 12)
		}
		<-ctx.Done()
		return api.OutcomesAnswer{}, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.run(ctx); close(done) }()
	for range 5 {
		<-calls
	}
	cancel()
	<-done
	if v := f.behind(at(10), true); v.resync || len(v.news) != 2 || v.to != at(12) {
		t.Errorf("the reader has %+v", v)
	}
	for i, want := range map[int]uint64{2: 11, 3: 11, 4: 12} {
		request, err := (api.OutcomesRequest{New: true, Limit: api.MaxLimit}).From("acme", at(want))
		if err != nil || asked[i] != request.After {
			t.Errorf("call %d does not begin behind %d", i+1, want)
		}
	}
}

// answerAt is an answer that ends at a place, with outcomes of these sequences.
func answerAt(
	t *testing.T, firm string, r api.OutcomesRequest, end uint64, sequences ...uint64,
) (a api.OutcomesAnswer, err error) {
	t.Helper()
	for _, s := range sequences {
		a.Outcomes = append(a.Outcomes, api.Outcome{Sequence: s, Data: json.RawMessage(`{"run_id": "r"}`)})
	}
	r.After, r.Wait = "", ""
	at, err := r.From(firm, at(end))
	a.After = at.After
	return a, err
}

// An event names what has changed, each once, and says so if there is more.
func TestNewsAreGathered(t *testing.T) {
	t.Parallel()
	news := append(notes(1, 3), note{place: at(4), run: "r1", replay: "r9", client: "C-1"})
	if e := gathered(news); len(e.Runs) != 4 || len(e.Clients) != 1 || e.Count != 4 || e.All {
		t.Errorf("%+v", e)
	}
	if e := gathered(notes(1, mostNamed+1)); len(e.Runs) != mostNamed || !e.All {
		t.Errorf("%d runs, all %v", len(e.Runs), e.All)
	}
}
