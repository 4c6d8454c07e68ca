package api

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// Freshness says whether an answer includes every fact of the firm that was published before the call.
type Freshness struct {
	// FactsBehind is the time at which the stream stored the oldest fact of the firm that the answer does not include.
	// It is left out when the answer includes every fact, which is the usual case.
	FactsBehind time.Time `json:"facts_behind,omitzero"`
}

func (f *Freshness) setBehind(since time.Time) { f.FactsBehind = since }

const (
	// factsPatience is how long a call waits for facts of its firm that are not applied yet.
	factsPatience = 2 * time.Second
	// mostWaiting is how many calls of one process may wait for facts at once. Any other call is answered without
	// waiting, and its answer has FactsBehind.
	mostWaiting = 100
)

// afterFacts answers a call after the firm's earlier facts are applied, because the decision about a request waits for
// them too. If they are not applied yet, the call waits in a goroutine of its own, so that the endpoint can answer
// other firms.
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

// waitAside starts a goroutine that waits for facts and then answers. It returns false if it started none, because the
// service is stopping or mostWaiting calls wait already.
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

// await waits for facts of the call's firm. It returns the time at which the oldest fact that is still missing was
// stored, or the zero time.
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

// fresh answers calls to one endpoint, as [handler] does, and sets FactsBehind in the answer.
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
