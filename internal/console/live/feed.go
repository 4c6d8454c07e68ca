package live

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"portal-invites/internal/api"
)

const (
	// kept is how many outcomes a reader keeps for browsers that connect again.
	kept = 2000
	// lingers is how long a reader goes on after the last browser has left, so that a reload finds it.
	lingers = 30 * time.Second
	poll    = 20 * time.Second
	// again is how long a reader waits after an error.
	again = time.Second
)

// Ask calls the service outcomes with the credential of a reader.
type Ask func(ctx context.Context, firm string, r api.OutcomesRequest) (api.OutcomesAnswer, error)

// note is one outcome, as far as pages need to know of it.
type note struct {
	place  api.Place
	run    string
	replay string
	client string
}

// feed reads the outcomes of one firm.
type feed struct {
	firm string
	ask  Ask

	mu       sync.Mutex
	notes    []note        // the newest, at most kept
	begin    api.Place     // behind this place, notes has all
	end      api.Place     // up to here, all was read
	known    bool          // there is a place
	away     bool          // the service does not answer
	changed  chan struct{} // closed when any of the above changes
	watchers int
	left     time.Time // when the last watcher left
}

func newFeed(firm string, ask Ask) *feed {
	return &feed{firm: firm, ask: ask, changed: make(chan struct{})}
}

// run reads until the context ends.
func (f *feed) run(ctx context.Context) {
	request := api.OutcomesRequest{New: true, Limit: api.MaxLimit}
	for ctx.Err() == nil {
		answer, err := f.once(ctx, request)
		if err != nil {
			f.update(func() { f.away = true })
			request.After = f.cursor(request)
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
			continue
		}
		request.After, request.Wait = answer.After, poll.String()
	}
}

// cursor is where to go on after an error, or "" if nothing was read yet.
func (f *feed) cursor(r api.OutcomesRequest) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		return ""
	}
	next, err := r.From(f.firm, f.end)
	if err != nil {
		return ""
	}
	return next.After
}

func (f *feed) once(ctx context.Context, request api.OutcomesRequest) (api.OutcomesAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, poll+10*time.Second)
	defer cancel()
	if f.isAway() {
		request.Wait = "" // first hear whether it answers at all
	}
	answer, err := f.ask(ctx, f.firm, request)
	if err != nil {
		return answer, err
	}
	place, err := answer.Place()
	if err != nil {
		return answer, err
	}
	found := make([]note, len(answer.Outcomes))
	for i, o := range answer.Outcomes {
		if found[i], err = noteOf(o, place.Made); err != nil {
			return answer, err
		}
	}
	f.update(func() { f.take(found, place, answer.Resync) })
	return answer, nil
}

func noteOf(o api.Outcome, made time.Time) (note, error) {
	var about struct {
		RunID    string `json:"run_id"`
		ReplayID string `json:"replay_id"`
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(o.Data, &about); err != nil {
		return note{}, errors.New("an outcome can't be read")
	}
	return note{api.Place{Made: made, Sequence: o.Sequence}, about.RunID, about.ReplayID, about.ClientID}, nil
}

// take adds what was read. The caller holds the lock.
func (f *feed) take(found []note, to api.Place, resync bool) {
	f.away = false
	if !f.known || resync || !f.end.Made.Equal(to.Made) {
		f.notes, f.known = nil, true
		f.begin, f.end = to, to
		return // who watched before is told to load afresh, since its place is of another stream, or before begin
	}
	f.notes, f.end = append(f.notes, found...), to
	if more := len(f.notes) - kept; more > 0 {
		f.begin = f.notes[more-1].place
		f.notes = append([]note(nil), f.notes[more:]...)
	}
}

func (f *feed) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) isAway() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

// view is what a watcher can know at a moment.
type view struct {
	news    []note
	to      api.Place
	known   bool // there is a place
	resync  bool // what is behind the watcher's place is not all there
	away    bool
	changed <-chan struct{}
}

// behind returns what came behind a place. A watcher without a place begins at the end.
func (f *feed) behind(from api.Place, has bool) view {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := view{to: f.end, known: f.known, away: f.away, changed: f.changed}
	switch {
	case !f.known || !has:
	case !from.Made.Equal(f.end.Made) || from.Sequence < f.begin.Sequence || from.Sequence > f.end.Sequence:
		v.resync = true
	default:
		for _, n := range f.notes {
			if n.place.Sequence > from.Sequence {
				v.news = append(v.news, n)
			}
		}
	}
	return v
}
