package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"portal-invites/internal/api"
)

const (
	// pulse is how often a quiet stream says that it is alive.
	pulse = 15 * time.Second
	// gather is how long news are gathered into one event, so that a fast run costs a browser no more than a slow one.
	gather = 300 * time.Millisecond
	// lasts is how long one stream lives. Then the browser connects again, and has to be somebody still.
	lasts = 10 * time.Minute
	// mostNamed is how many runs and clients an event names. Beyond that it says all.
	mostNamed = 50
)

// event is what a browser is told.
type event struct {
	Runs    []string `json:"runs,omitempty"`
	Clients []string `json:"clients,omitempty"`
	Count   int      `json:"count"`
	All     bool     `json:"all,omitempty"` // more than are named
}

// Serve writes the news of a firm as server-sent events, until the browser leaves. It begins behind the place that the
// browser names.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, credential, firm string) {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.FormValue("after")
	}
	at, has := read(id)
	f, leave := h.join(credential, firm) //nolint:contextcheck // a reader outlives the request that starts it
	defer leave()
	s := &stream{w: w, control: http.NewResponseController(w), at: at, has: has}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	if id != "" && !has {
		s.lost = true // it names a place that is none
	}
	end := time.NewTimer(lasts)
	defer end.Stop()
	for {
		v := f.behind(s.at, s.has)
		if err := s.tell(v); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-h.ctx.Done():
			return
		case <-end.C:
			return
		case <-time.After(pulse):
			if s.write(": alive\n\n") != nil {
				return
			}
		case <-v.changed:
			select {
			case <-r.Context().Done():
				return
			case <-time.After(gather):
			}
		}
	}
}

// stream is one browser's stream.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	at      api.Place
	has     bool
	lost    bool // the browser has to load afresh
	begun   bool
	away    bool // the browser knows that the service does not answer
}

// tell tells a browser what it does not know yet.
func (s *stream) tell(v view) error {
	switch {
	case v.away && !s.away:
		s.away = true
		return s.write("event: away\ndata: {}\n\n")
	case v.away || !v.known:
		if s.begun {
			return nil
		}
		s.begun = true
		return s.write(": waits\n\n")
	}
	if s.away {
		s.away = false
		if err := s.write("event: back\ndata: {}\n\n"); err != nil {
			return err
		}
	}
	defer func() { s.at, s.has, s.begun, s.lost = v.to, true, true, false }()
	switch {
	case v.resync || s.lost:
		return s.send("resync", v.to, event{All: true})
	case len(v.news) > 0:
		return s.send("news", v.to, gathered(v.news))
	case !s.has:
		return s.send("hello", v.to, event{})
	default:
		return nil
	}
}

// gathered makes one event of many outcomes.
func gathered(news []note) event {
	e := event{Count: len(news)}
	runs, clients := map[string]bool{}, map[string]bool{}
	add := func(list *[]string, seen map[string]bool, id string) {
		switch {
		case id == "" || seen[id]:
		case len(*list) == mostNamed:
			e.All = true
		default:
			seen[id] = true
			*list = append(*list, id)
		}
	}
	for _, n := range news {
		add(&e.Runs, runs, n.run)
		add(&e.Runs, runs, n.replay)
		add(&e.Clients, clients, n.client)
	}
	return e
}

func (s *stream) send(name string, at api.Place, e event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", write(at), name, data))
}

func (s *stream) write(text string) error {
	// A browser that takes nothing any more must not hold a place for ever.
	_ = s.control.SetWriteDeadline(time.Now().Add(pulse))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
