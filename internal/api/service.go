package api

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"

	"portal-invites/internal/answer"
	"portal-invites/internal/store"
)

const (
	// group holds every endpoint: the firm is the fourth token.
	group = "portal.api.v1.*"

	// CallsAtOnce is how many calls one process answers at once, with selections. Each needs a connection of Reads.
	CallsAtOnce = quickAtOnce + selectionsAtOnce

	quickAtOnce, quickOfFirm = 6, 3
	// selectionsAtOnce is how many selections and replays one process explains at a time. They take seconds, while every
	// other call takes milliseconds.
	selectionsAtOnce, selectionsOfFirm = 2, 1

	// mostInLine is how many calls of one firm may wait for their turns, and mostSelections how many selections.
	mostInLine, mostSelections = 500, 20
)

// Subject is the subject of a firm's endpoint.
func Subject(firm, endpoint string) string { return "portal.api.v1." + firm + "." + endpoint }

// Observer measures calls. code is that of the error, or 0.
type Observer interface {
	Called(endpoint string, code int, took time.Duration)
}

// Config has the parts of the service.
type Config struct {
	Conn    *nats.Conn
	Answers *answer.Answers // of a worker that runs, because it publishes the outcomes that calls write
	Reads   *store.Store    // a pool of CallsAtOnce connections, so that no call waits for the stages
	Log     zerolog.Logger
	Version string // of the build
	Serving func() // called once, when every endpoint is registered with the broker; may be nil
	// Observer hears of every call that was answered or refused; may be nil.
	Observer Observer
	// Senders are the settings of the senders, by name; "" is the default one. Nobody needs them to send.
	Senders map[string]SenderSettings
}

// endpoint is one of the service's endpoints.
type endpoint struct {
	name      string
	answer    func(context.Context, *call) (any, error)
	facts     bool                   // the facts of the firm that were published before the call come first
	long      func(body []byte) bool // says whether an answer takes seconds; nil: none does
	everyFirm bool                   // it is about [EveryFirm]
	admit     func(*call) error      // may refuse a call before it waits; nil: refuses none
	stats     *stats
}

func (s *server) endpoints() []endpoint {
	return []endpoint{
		{name: ExplainEndpoint, answer: fresh(s.explain), facts: true, long: isSelection},
		{name: StatusEndpoint, answer: fresh(s.status), facts: true},
		{name: StatusesEndpoint, answer: fresh(s.statuses), facts: true},
		{name: RedeemEndpoint, answer: plain(s.redeem), admit: s.admitLink},
		{name: DeclineEndpoint, answer: plain(s.decline), admit: s.admitLink},
		{name: PreviewEndpoint, answer: fresh(s.preview), facts: true},
		{name: RunsEndpoint, answer: plain(s.runs)},
		{name: QueueEndpoint, answer: plain(s.queue)},
		{name: HeldEndpoint, answer: plain(s.held)},
		{name: SuppressionsEndpoint, answer: plain(s.suppressions)},
		{name: PersonEndpoint, answer: fresh(s.person), facts: true},
		{name: PausesEndpoint, answer: plain(s.pauses)},
		{name: FirmsEndpoint, answer: plain(s.listFirms)},
		{name: DeadLettersEndpoint, answer: plain(s.deadLetters)},
		{name: OutcomesEndpoint, answer: s.outcomes},
		{name: TemplatesEndpoint, answer: fresh(s.templates), facts: true},
		{name: RecipientsEndpoint, answer: plain(s.recipients)},
		{name: ReceiptEndpoint, answer: s.receipt},
		{name: TroubleEndpoint, answer: plain(s.trouble), long: always, everyFirm: true},
		{name: SendersEndpoint, answer: plain(s.sendersNow), long: always, everyFirm: true},
		{name: RecoverEndpoint, answer: plain(s.recover)},
	}
}

// Serve answers calls until the context ends, and returns once every call that it has begun is answered. Any number of
// processes may serve; each call reaches one of them.
func Serve(ctx context.Context, cfg Config) error {
	s := newServer(cfg)
	service, err := micro.AddService(cfg.Conn, micro.Config{
		Name: Name, Version: semver(cfg.Version), QueueGroup: Name,
		Description:  "Answers who was invited to client portals, who would be, and why not",
		StatsHandler: s.statsOf,
	})
	if err != nil {
		return fmt.Errorf("serve %s: %w", Name, err)
	}
	endpoints := service.AddGroup(group)
	for _, e := range s.endpoints() {
		e.stats = s.stats[e.name]
		if err := endpoints.AddEndpoint(e.name, s.take(ctx, e)); err != nil {
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
	quick      *turns
	selections *turns
	waiting    *places // of the calls that wait for facts
	watching   *places // of the calls that wait for outcomes
	news       *news   // wakes the calls that wait for outcomes
	newest     newestOutcome
	firms      *buckets // a firm's calls
	links      *buckets // the openings of one invite's link
	stats      map[string]*stats

	unanswerable seldom // lines about calls that must not be answered
	tooMany      seldom // lines about firms that call too often
	failed       seldom // lines about calls that could not be answered

	mu       sync.Mutex // guards stopping, and aside.Add against a stop
	stopping bool
	aside    sync.WaitGroup // the calls that wait without a slot
}

func newServer(cfg Config) *server {
	s := &server{
		Config: cfg,
		quick:  newTurns(quickAtOnce, quickOfFirm, mostInLine), selections: newTurns(selectionsAtOnce, selectionsOfFirm,
			mostSelections),
		waiting:  newPlaces(mostWaiting, mostWaitingOfFirm),
		watching: newPlaces(mostWatching, mostWatchingOfFirm),
		news:     newNews(cfg.Conn),
		firms:    newBuckets(time.Second/callsASecond, callsAtOnceOfFirm),
		links:    newBuckets(linkEvery, linkBurst),
		stats:    map[string]*stats{},
	}
	for _, e := range s.endpoints() {
		s.stats[e.name] = &stats{}
	}
	return s
}

// stop refuses the calls that wait, and returns once those that have begun are answered.
func (s *server) stop() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.aside.Wait() // what waits aside ends with the context, and enters a line again
	s.quick.stop()
	s.selections.stop()
}
