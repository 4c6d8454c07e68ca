package api

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// Freshness says whether an answer knows every fact of the firm that was published before the question.
type Freshness struct {
	// FactsBehind is when the stream stored the oldest fact of the firm that the answer does not know. As a rule the answer has
	// waited for the facts, and this is left out.
	FactsBehind time.Time `json:"facts_behind,omitzero"`
}

func (f *Freshness) setBehind(since time.Time) { f.FactsBehind = since }

const (
	// factsPatience is how long a question waits for facts of its firm that are on their way.
	factsPatience = 2 * time.Second
	// mostWaiting is how many questions may wait for facts at once in one process. Further ones are answered at once, by what is
	// known.
	mostWaiting = 100
)

// afterFacts answers questions once the firm's facts from before them are applied, as a request is decided. Nearly always they are, and
// the question is answered at once. One that has to wait does so aside: the endpoint goes on, for every other firm.
func (s *server) afterFacts(answer func(micro.Request, time.Time)) micro.HandlerFunc {
	return func(r micro.Request) {
		behind, err := s.await(r, 0)
		if err == nil && !behind.IsZero() && s.waitAside(r, answer) {
			return
		}
		if err != nil {
			s.respond(r.Subject(), nil, err, r.RespondJSON, r.Error)
			return
		}
		answer(r, behind)
	}
}

// waitAside waits for facts beside the endpoint, and then answers. It says whether it does: not when the service stops, or when
// many questions wait already.
func (s *server) waitAside(r micro.Request, answer func(micro.Request, time.Time)) bool {
	select {
	case s.waiting <- struct{}{}:
	default:
		return false
	}
	if !s.begin() {
		<-s.waiting
		return false
	}
	go func() {
		defer s.running.Done()
		behind, err := s.await(r, factsPatience)
		<-s.waiting
		d := &detached{Request: r, conn: s.Conn}
		if err != nil {
			s.respond(r.Subject(), nil, err, d.RespondJSON, d.Error)
			return
		}
		answer(d, behind)
	}()
	return true
}

// await says since when facts of the question's firm are missing; the zero time if none are.
func (s *server) await(r micro.Request, patience time.Duration) (behind time.Time, err error) {
	result, err := s.safely(r, func(ctx context.Context, firm string) (any, error) {
		return s.Answers.AwaitFacts(ctx, firm, patience)
	})
	if err != nil {
		return time.Time{}, err
	}
	behind, _ = result.(time.Time)
	return behind, nil
}

// fresh answers requests to one endpoint, as [handler] does, and says since when facts are missing from the answer.
func fresh[Request, Answer any, P interface {
	*Answer
	setBehind(since time.Time)
}](s *server, answer func(context.Context, string, Request) (Answer, error)) func(micro.Request, time.Time) {
	return func(r micro.Request, behind time.Time) {
		handler(s, func(ctx context.Context, firm string, q Request) (Answer, error) {
			a, err := answer(ctx, firm, q)
			P(&a).setBehind(behind)
			return a, err
		})(r)
	}
}
