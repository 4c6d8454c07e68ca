package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// respond sends an answer, or an error in the framework's headers. It publishes by itself, because the framework's own
// way works only until the handler has returned. Details that the caller must not see are in the log.
func (s *server) respond(c *call, result any, err error) {
	var body []byte
	if err == nil {
		body, err = json.Marshal(result)
	}
	if err == nil {
		err = s.Conn.Publish(c.reply, body)
	}
	if err == nil {
		s.note(c, 0)
		return
	}
	shown := shownError(err)
	s.note(c, shown.Code)
	s.logError(c, shown.Code, err)
	if err := s.Conn.PublishMsg(&nats.Msg{Subject: c.reply, Header: nats.Header{
		micro.ErrorCodeHeader: {strconv.Itoa(shown.Code)}, micro.ErrorHeader: {shown.Message},
	}}); err != nil {
		s.Log.Debug().Err(err).Str("subject", c.subject).Msg("could not send the error to the caller")
	}
}

// logError writes a line about an error that an operator may want to know of. It writes one a minute for a firm and an
// endpoint, because a caller may ask again and again.
func (s *server) logError(c *call, code int, err error) {
	now := time.Now()
	switch {
	case code == codeTooMany, isTurnedAway(err):
		if before, due := s.tooMany.due(c.firm, now); due {
			s.Log.Info().Str("firm", c.firm).Str("subject", c.subject).Int("code", code).Int("before", before).
				Msg("refused a call, because its firm calls more than this worker answers; other firms are not delayed")
		}
	case code >= codeInternal && !errors.Is(err, errPanicked) && !errors.Is(err, errStopping):
		if before, due := s.failed.due(c.firm+"."+c.endpoint.name, now); due {
			s.Log.Warn().Err(err).Str("subject", c.subject).Int("code", code).Int("before", before).
				Msg("could not answer a call; the caller may ask again once the cause of the error is gone")
		}
	}
}

// stats counts the calls of one endpoint. The framework counts them too, but not their errors, because it does not see
// the answers.
type stats struct {
	Answered     int   `json:"answered"`
	Errors       int   `json:"errors"`
	Milliseconds int64 `json:"milliseconds"` // from the arrival of each call to its answer, all together
	took         time.Duration
}

// note counts a call. code is that of its error, or 0.
func (s *server) note(c *call, code int) {
	took := time.Since(c.taken)
	s.mu.Lock()
	st := c.endpoint.stats
	st.Answered++
	if code != 0 {
		st.Errors++
	}
	st.took += took
	s.mu.Unlock()
	if s.Observer != nil {
		s.Observer.Called(c.endpoint.name, code, took)
	}
}

// statsOf is what an endpoint's statistics have as their data (NATS ADR-32).
func (s *server) statsOf(e *micro.Endpoint) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats[e.Name]
	if st == nil {
		return nil
	}
	shown := *st
	shown.Milliseconds = st.took.Milliseconds()
	return shown
}

// roundUp is a time to wait in a form for people.
func roundUp(wait time.Duration) string {
	return fmt.Sprintf("%ds", (wait+time.Second-1)/time.Second)
}
