package api

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// call is one call of an endpoint, from the moment it is taken off its subscription.
type call struct {
	endpoint endpoint
	firm     string
	subject  string
	reply    string
	body     []byte
	taken    time.Time
	waits    waits
	behind   time.Time // see Freshness
}

const (
	// callsASecond is how often one firm may call one process. A burst of callsAtOnceOfFirm calls is allowed.
	callsASecond      = 500
	callsAtOnceOfFirm = 1000
)

// take takes a call off its subscription at once, so that the calls behind it do not wait for its answer. The call
// waits in the line of its firm.
func (s *server) take(ctx context.Context, e endpoint) micro.HandlerFunc {
	return func(r micro.Request) {
		c := &call{
			endpoint: e, firm: firmOf(r), subject: r.Subject(), reply: r.Reply(), body: r.Data(), taken: time.Now(),
		}
		if !answerable(c.reply) {
			s.leaveAlone(c)
			return
		}
		if err := s.admit(c, r.Headers()); err != nil {
			s.respond(c, nil, err)
			return
		}
		s.inTurn(s.quick, c, func() { s.begin(ctx, c) })
	}
}

// admit checks what can be checked before a call waits. It costs microseconds, because the calls behind it wait for it.
func (s *server) admit(c *call, headers micro.Headers) (err error) {
	if err := checkFirm(c.firm); err != nil {
		return invalid("%s", err)
	}
	if c.firm == EveryFirm && !c.endpoint.everyFirm {
		return invalid("firm: %s takes one firm; trouble and senders are asked of all of them", c.endpoint.name)
	}
	if c.waits, err = waitsOf(headers, c.taken); err != nil {
		return err
	}
	if c.endpoint.admit != nil {
		if err := c.endpoint.admit(c); err != nil {
			return err
		}
	}
	if wait := s.firms.take(c.firm, c.taken); wait > 0 {
		return tooMany("this firm calls more than %d times a second; ask again in %s", callsASecond, roundUp(wait))
	}
	return nil
}

// inTurn calls do when it is the call's turn, or answers why it has none.
func (s *server) inTurn(t *turns, c *call, do func()) {
	t.enter(c.firm, len(c.body), c.waits.turnBy(time.Now()), do, func(err error) { s.respond(c, nil, err) })
}

// begin answers a call whose turn it is. If the call must wait for facts, or takes long, it makes room for others.
func (s *server) begin(ctx context.Context, c *call) {
	if c.endpoint.facts {
		behind, err := s.awaitFacts(ctx, c, 0)
		if err != nil {
			s.respond(c, nil, err)
			return
		}
		if c.behind = behind; !behind.IsZero() && s.waitForFacts(ctx, c) {
			return
		}
	}
	s.proceed(ctx, c)
}

// proceed answers a call that need not wait for facts any more.
func (s *server) proceed(ctx context.Context, c *call) {
	if c.endpoint.long != nil && c.endpoint.long(c.body) {
		s.inTurn(s.selections, c, func() { s.answer(ctx, c) })
		return
	}
	s.answer(ctx, c)
}

func (s *server) answer(ctx context.Context, c *call) {
	result, err := s.safely(ctx, c, func(ctx context.Context) (any, error) { return c.endpoint.answer(ctx, c) })
	if l, isLater := errors.AsType[*later](err); isLater {
		s.answerLater(ctx, c, l)
		return
	}
	s.respond(c, result, err)
}

// safely works within the time that the call has, also while the service stops. It turns a panic into an error.
func (s *server) safely(
	ctx context.Context, c *call, work func(context.Context) (any, error),
) (result any, err error) {
	defer func() {
		if value := recover(); value != nil {
			s.Log.Error().Str("subject", c.subject).Str("stack", string(debug.Stack())).
				Msgf("panic while a call was answered: %v; this is a bug, report it with the stack", value)
			result, err = nil, errPanicked
		}
	}()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), c.waits.answerBy(time.Now()))
	defer cancel()
	return work(ctx)
}

// plain decodes calls for a function that answers them.
func plain[Request, Answer any](
	answer func(context.Context, string, Request) (Answer, error),
) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		request, err := decode[Request](c.body)
		if err != nil {
			return nil, err
		}
		return answer(ctx, c.firm, request)
	}
}

// goAside runs work in a goroutine, for a call that waits for something without a slot. It returns an error if it
// started none, because the service is stopping or too many calls wait already.
func (s *server) goAside(c *call, p *places, work func()) error {
	if !p.take(c.firm) {
		return errLineFull
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		p.leave(c.firm)
		return errStopping
	}
	s.aside.Go(func() {
		defer p.leave(c.firm)
		work()
	})
	return nil
}

// isTurnedAway says whether an error is about how much is called, and not about one call.
func isTurnedAway(err error) bool {
	return errors.Is(err, errLineFull) || errors.Is(err, errBusy) || errors.Is(err, errNoTurn)
}
