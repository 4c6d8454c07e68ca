package api

import (
	"context"
	"time"
)

// Freshness says whether an answer includes every fact of the firm that was published before the call.
type Freshness struct {
	// FactsBehind is the time at which the stream stored the oldest fact of the firm that the answer does not include.
	// It is left out when the answer includes every fact, which is the usual case.
	FactsBehind time.Time `json:"facts_behind,omitzero"`
}

func (f *Freshness) setBehind(since time.Time) { f.FactsBehind = since }

const (
	// factsPatience is how long a call waits for facts of its firm that are not applied yet. A call whose caller waits
	// for less than twice as long waits for half of that time.
	factsPatience = 2 * time.Second
	// mostWaiting is how many calls of one process may wait for facts at once, and mostWaitingOfFirm how many of one firm.
	// Any other call is answered without waiting, and its answer has FactsBehind.
	mostWaiting, mostWaitingOfFirm = 100, 20
)

// waitForFacts answers a call after the firm's earlier facts are applied, because the decision about a request waits
// for them too. The call waits without a slot, and then for its turn. It returns false if the call can't wait.
func (s *server) waitForFacts(ctx context.Context, c *call) bool {
	err := s.goAside(c, s.waiting, func() {
		patience := min(factsPatience, time.Until(c.waits.answer)/2)
		behind, err := s.awaitFacts(ctx, c, patience)
		if err != nil {
			s.respond(c, nil, err)
			return
		}
		c.behind = behind
		s.inTurn(s.quick, c, func() { s.proceed(ctx, c) })
	})
	return err == nil
}

// awaitFacts waits for facts of the call's firm. It returns the time at which the oldest fact that is still missing was
// stored, or the zero time.
func (s *server) awaitFacts(ctx context.Context, c *call, patience time.Duration) (behind time.Time, err error) {
	result, err := s.safely(ctx, c, func(ctx context.Context) (any, error) {
		return s.Answers.AwaitFacts(ctx, c.firm, patience)
	})
	if err != nil {
		return time.Time{}, err
	}
	behind, _ = result.(time.Time)
	return behind, nil
}

// fresh decodes calls for a function that answers them, as [plain] does, and sets FactsBehind in the answer.
func fresh[Request, Answer any, P interface {
	*Answer
	setBehind(since time.Time)
}](answer func(context.Context, string, Request) (Answer, error)) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		request, err := decode[Request](c.body)
		if err != nil {
			return nil, err
		}
		a, err := answer(ctx, c.firm, request)
		P(&a).setBehind(c.behind)
		return a, err
	}
}
