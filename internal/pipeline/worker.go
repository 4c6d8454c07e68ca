package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// OnUnknown is what happens to an invite whose mail may or may not have been taken by the server.
type OnUnknown string

// Resend risks a second mail, under the same Message-ID and with the same link; Hold waits for a person to decide.
const (
	ResendUnknown OnUnknown = "resend"
	HoldUnknown   OnUnknown = "hold"
)

// The defaults of a [Config], beside those of its Policy.
const (
	DefaultRetryFor      = 72 * time.Hour
	DefaultLeaseFor      = 15 * time.Second
	DefaultProgressEvery = 2 * time.Second
	DefaultStopWithin    = 20 * time.Second
)

// Config is what a worker is made of. The zero value of a setting that has a default means the default.
type Config struct {
	Store    *store.Store
	Reads    *store.Store // for the services' questions, so that they don't wait for the stages; Store by default
	JS       jetstream.JetStream
	Topology events.Topology
	Log      zerolog.Logger
	Observer Observer // nil: nobody watches

	Policy      rules.Policy
	Keys        link.Keyring
	SMTP        mail.Config
	Connections int           // SMTP connections, and so mails on their way at once
	Rate        float64       // mails a second that leave by this lane, over all its workers; 0: as fast as it goes
	DomainRate  float64       // mails a second to one recipient domain, over all workers of both lanes; 0: as fast as it goes
	OnUnknown   OnUnknown     // ResendUnknown by default
	RetryFor    time.Duration // how long a mail that the server puts off is tried; DefaultRetryFor

	Keep          time.Duration // how long what is over stays on record; for ever by default
	LeaseFor      time.Duration // how long a worker may be silent before others take over; DefaultLeaseFor
	ProgressEvery time.Duration // between two RunProgressed of a run; DefaultProgressEvery
	StopWithin    time.Duration // how long mails on their way may take to arrive when the worker stops; DefaultStopWithin
	Now           func() time.Time
}

// Worker runs the stages of one lane.
type Worker struct {
	Config
	id     uuid.UUID
	name   string
	lane   store.Lane
	stages []stage

	lowWater *lowWater                // of this worker's part of the outbox
	delivery atomic.Pointer[delivery] // the one that runs; none at first

	// Rung by a stage that has made work for another one in this process, so that it need not wait for its next look.
	deliverBell, announceBell, walkBell bell
}

type stage struct {
	name string
	run  func(context.Context) error
}

// NewInviteWorker serves the individual lane: it decides requests for named recipients and delivers them.
func NewInviteWorker(cfg Config) *Worker {
	w := newWorker("invite-worker", store.IndividualLane, cfg)
	w.stages = append(w.stages, w.consumer("decide", events.InviteDurable, decideBatch, w.decide))
	return w
}

// NewBulkWorker serves the bulk lane: it turns bulk requests into runs, walks them and delivers what they decide.
func NewBulkWorker(cfg Config) *Worker {
	w := newWorker("bulk-worker", store.BulkLane, cfg)
	w.stages = append(w.stages,
		w.consumer("runs", events.BulkDurable, runsBatch, w.startRuns),
		w.loop("fanout", w.walkBell, w.walk))
	return w
}

func newWorker(name string, lane store.Lane, cfg Config) *Worker {
	cfg.setDefaults()
	w := &Worker{
		Config: cfg, id: uuid.New(), name: name, lane: lane, lowWater: newLowWater(),
		deliverBell: newBell(), announceBell: newBell(), walkBell: newBell(),
	}
	w.Log = cfg.Log.With().Str("worker", name).Logger()
	w.stages = []stage{
		w.consumer("facts", events.FactsDurable, factsBatch, w.applyFacts),
		{"deliver", w.deliver},
		w.loop("expire", newBell(), w.expire),
		w.loop("remind", newBell(), w.remind),
		w.loop("held", newBell(), (&heldWatch{Worker: w}).look),
		w.loop("take over", newBell(), w.takeOver),
		w.loop("measure", newBell(), w.measure),
	}
	if w.Keep > 0 {
		w.stages = append(w.stages, w.loop("prune", newBell(), w.prune))
	}
	return w
}

func (c *Config) setDefaults() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	setDefault(&c.LeaseFor, DefaultLeaseFor)
	setDefault(&c.ProgressEvery, DefaultProgressEvery)
	setDefault(&c.StopWithin, DefaultStopWithin)
	setDefault(&c.RetryFor, DefaultRetryFor)
	if c.Policy == (rules.Policy{}) {
		c.Policy.ResendCooldown = rules.DefaultResendCooldown // none at all is a choice that goes with a policy of one's own
	}
	setDefault(&c.Policy.InviteTTL, rules.DefaultInviteTTL)
	c.Connections = max(c.Connections, 1)
	if c.OnUnknown == "" {
		c.OnUnknown = ResendUnknown
	}
}

func setDefault(d *time.Duration, standard time.Duration) {
	if *d <= 0 {
		*d = standard
	}
}

// How many messages a stage takes at once. Larger batches share more round trips; smaller ones wait less for each other.
const (
	factsBatch  = 500
	decideBatch = 500
	runsBatch   = 20
)

// Run works until the context ends, then stops in order: nothing new is taken, mails on their way arrive, their outcomes are
// announced, and the lease ends, so that others take over at once. It returns an error only where a stage gave up, which
// none does while it can wait.
func (w *Worker) Run(ctx context.Context) error {
	// The lease and the announcer outlive the other stages.
	aliveCtx, stopAlive := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAlive()
	if err := w.beginLease(ctx); err != nil {
		return err
	}
	last, lastCtx := errgroup.WithContext(aliveCtx)
	last.Go(func() error { return w.keepLease(lastCtx) })
	last.Go(func() error { return w.announce(lastCtx) })

	working, workingCtx := errgroup.WithContext(ctx)
	for _, s := range w.stages {
		working.Go(func() error {
			if err := s.run(workingCtx); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return nil
		})
	}
	w.Log.Info().Str("worker_id", w.id.String()).Msg("working")
	err := working.Wait()
	stopAlive()
	err = errors.Join(err, last.Wait())

	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if endErr := w.Store.EndLease(endCtx, w.id); endErr != nil {
		w.Log.Warn().Err(endErr).Msg("others take over when the lease runs out")
	}
	w.Log.Info().Msg("stopped")
	return err
}
