package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

const (
	// group holds every endpoint: the firm is the fourth token.
	group = "portal.api.v1.*"
	// deadline is how long one call may take. Only a selection of many thousands comes near it.
	deadline = 20 * time.Second
	// selectionsAtOnce is how many selections and replays one process explains at a time. They take seconds, while every
	// other call takes milliseconds.
	selectionsAtOnce = 2
)

// Subject is the subject of a firm's endpoint.
func Subject(firm, endpoint string) string { return "portal.api.v1." + firm + "." + endpoint }

// Config has the parts of the service.
type Config struct {
	Conn    *nats.Conn
	Answers *answer.Answers // of a worker that runs, because it publishes the outcomes that calls write
	Reads   *store.Store    // a small pool of its own, so that no call waits for the stages
	Log     zerolog.Logger
	Version string // of the build
	Serving func() // called once, when every endpoint is registered with the broker; may be nil
}

// Serve answers calls until the context ends, and returns once every call that it has begun is answered. Any number of
// processes may serve; each call reaches one of them.
func Serve(ctx context.Context, cfg Config) error {
	s := &server{Config: cfg, aside: make(chan struct{}, selectionsAtOnce), waiting: make(chan struct{}, mostWaiting)}
	service, err := micro.AddService(cfg.Conn, micro.Config{
		Name: Name, Version: semver(cfg.Version), QueueGroup: Name,
		Description: "Answers who was invited to client portals, who would be, and why not",
	})
	if err != nil {
		return fmt.Errorf("serve %s: %w", Name, err)
	}
	endpoints := service.AddGroup(group)
	for _, e := range []struct {
		name   string
		handle micro.HandlerFunc
	}{
		{ExplainEndpoint, s.afterFacts(s.explain)},         //nolint:contextcheck // the framework's handlers have none
		{StatusEndpoint, s.afterFacts(fresh(s, s.status))}, //nolint:contextcheck // the framework's handlers have none
		{RedeemEndpoint, handler(s, s.redeem)},
		{PreviewEndpoint, s.afterFacts(fresh(s, s.preview))}, //nolint:contextcheck // the framework's handlers have none
		{RunsEndpoint, handler(s, s.runs)},
		{QueueEndpoint, handler(s, s.queue)},
		{HeldEndpoint, handler(s, s.held)},
		{DeadLettersEndpoint, handler(s, s.deadLetters)},
	} {
		if err := endpoints.AddEndpoint(e.name, s.answerableOnly(e.handle)); err != nil {
			return errors.Join(fmt.Errorf("serve %s: %w", e.name, err), service.Stop())
		}
	}
	if cfg.Serving != nil {
		cfg.Serving()
	}
	<-ctx.Done()
	err = service.Stop() // it takes no new calls
	s.stop()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("stop serving %s: %w", Name, err)
	}
	return nil
}

// semver is a version in the form that micro requires; 0.0.0 for a build without one.
func semver(version string) string {
	version = strings.TrimPrefix(version, "v")
	if semverPattern.MatchString(version) {
		return version
	}
	return "0.0.0"
}

var semverPattern = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// server answers calls, several at a time.
type server struct {
	Config
	aside   chan struct{} // has one element for each selection that is being explained
	waiting chan struct{} // has one element for each call that waits for facts

	unanswerable seldom // lines about calls that must not be answered

	mu       sync.Mutex // guards stopping, and running.Add against a stop
	stopping bool
	running  sync.WaitGroup // the calls that have begun; begin adds, handlers end
}

// begin counts a call as running, unless the service is stopping.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.running.Add(1)
	return true
}

func (s *server) stop() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.running.Wait()
}

// handler answers the calls to one endpoint, one after the other.
func handler[Request, Answer any](
	s *server, answer func(context.Context, string, Request) (Answer, error),
) micro.HandlerFunc {
	return func(r micro.Request) {
		if !s.begin() {
			s.respond(r.Subject(), nil, errStopping, r.RespondJSON, r.Error)
			return
		}
		defer s.running.Done()
		result, err := s.safely(r, func(ctx context.Context, firm string) (any, error) {
			request, err := decode[Request](r.Data())
			if err != nil {
				return nil, err
			}
			return answer(ctx, firm, request)
		})
		s.respond(r.Subject(), result, err, r.RespondJSON, r.Error)
	}
}

// safely answers within the deadline, and turns a panic into an error.
func (s *server) safely(
	r micro.Request, answer func(ctx context.Context, firm string) (any, error),
) (result any, err error) {
	defer func() {
		if value := recover(); value != nil {
			s.Log.Error().Str("subject", r.Subject()).Str("stack", string(debug.Stack())).
				Msgf("panic while a call was answered: %v; this is a bug, report it with the stack", value)
			result, err = nil, errPanicked
		}
	}()
	firm := firmOf(r)
	if err := events.CheckFirm(firm); err != nil {
		return nil, invalid("%s", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return answer(ctx, firm)
}

// respond sends an answer, or an error in the framework's headers. Details that the caller must not see are in the log.
func (s *server) respond(subject string, result any, err error,
	answer func(any, ...micro.RespondOpt) error,
	refuse func(code, description string, data []byte, opts ...micro.RespondOpt) error,
) {
	if err == nil {
		err = answer(result)
		if err == nil {
			return
		}
		err = fmt.Errorf("answer: %w", err)
	}
	shown := shownError(err)
	if shown.Code >= codeInternal && !errors.Is(err, errPanicked) && !errors.Is(err, errStopping) &&
		!errors.Is(err, errBusy) {
		s.Log.Warn().Err(err).Str("subject", subject).Int("code", shown.Code).
			Msg("could not answer a call; the caller may ask again once the cause of the error is gone")
	}
	if err := refuse(strconv.Itoa(shown.Code), shown.Message, nil); err != nil {
		s.Log.Debug().Err(err).Str("subject", subject).Msg("could not send the error to the caller")
	}
}

// decode decodes a request. An unknown field is an error, because a misspelled field would change what is asked.
func decode[Request any](body []byte) (Request, error) {
	var request Request
	if len(strings.TrimSpace(string(body))) == 0 {
		return request, nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, unreadable(body, err)
	}
	if decoder.More() {
		return request, invalid("body: has more than one JSON object")
	}
	return request, nil
}

// unreadable names the field that could not be read.
func unreadable(body []byte, err error) error {
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mistyped.Field != "" {
		field := strings.TrimPrefix(mistyped.Field, "Page.") // Page is embedded, so it is not in the JSON
		return invalid("%s: must not be a JSON %s", field, mistyped.Value)
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return invalid("%s: there is no such field", strings.Trim(field, `"`))
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return invalid("%s: must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)", misreadTime(body))
	}
	return invalid("body: is not a JSON object")
}

// misreadTime finds the first field that is not a valid time, because the error of the time's parser does not name the
// field.
func misreadTime(body []byte) string {
	type times struct{ Since, Until json.RawMessage }
	var form struct {
		times
		Filter times
	}
	_ = json.Unmarshal(body, &form) // the JSON is valid, and a field of another type stays empty
	for _, field := range []struct {
		name string
		raw  json.RawMessage
	}{
		{"since", form.Since}, {"filter.since", form.Filter.Since}, {"filter.until", form.Filter.Until},
	} {
		if field.raw != nil && json.Unmarshal(field.raw, new(time.Time)) != nil {
			return field.name
		}
	}
	return "since"
}
