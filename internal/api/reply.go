package api

import (
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// answerable says whether a worker may answer to a reply subject, which the caller chooses. A worker publishes with its
// own rights. So an answer must not become a call of the broker's own services (which begin with $), nor an event or a
// call of ours (ADR 84).
func answerable(reply string) bool {
	return reply != "" && !strings.HasPrefix(reply, "$") && !strings.HasPrefix(reply, ownPrefix)
}

// ownPrefix begins every subject of ours: events, outcomes, dead letters and calls.
const ownPrefix = "portal."

// leaveAlone does nothing about a call that must not be answered, but for a line in the log.
func (s *server) leaveAlone(c *call) {
	before, due := s.unanswerable.due(c.firm, c.taken)
	if !due {
		return
	}
	s.Log.Warn().Str("firm", c.firm).Str("subject", c.subject).Str("reply", c.reply).Int("before", before).
		Msg("did nothing about a call whose reply subject is missing, or belongs to the broker or to us; " +
			"find out who may call for this firm and publishes such calls")
}

// firmOf is the firm of a call, whether or not it is a valid one.
func firmOf(r micro.Request) string { return strings.Split(r.Subject(), ".")[3] }

// seldom lets one log line a minute through for each key, and counts the others. Its zero value is ready.
type seldom struct {
	mu    sync.Mutex
	lines map[string]*lastLine
}

type lastLine struct {
	at     time.Time
	before int // how many were left out since then
}

const (
	seldomEvery = time.Minute
	// mostSeldom is how many firms are remembered. Beyond it, the lines of all firms share one minute.
	mostSeldom = 1000
)

// due says whether to write the line now, and how many of the firm's lines were left out before it.
func (s *seldom) due(firm string, now time.Time) (before int, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = map[string]*lastLine{}
	}
	if s.lines[firm] == nil && len(s.lines) >= mostSeldom {
		firm = "" // no firm has this name
	}
	l := s.lines[firm]
	switch {
	case l == nil:
		s.lines[firm] = &lastLine{at: now}
		return 0, true
	case now.Sub(l.at) < seldomEvery:
		l.before++
		return 0, false
	default:
		before, *l = l.before, lastLine{at: now}
		return before, true
	}
}
