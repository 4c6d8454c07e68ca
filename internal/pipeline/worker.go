package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/announce"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/decide"
	"portal-invites/internal/pipeline/deliver"
	"portal-invites/internal/pipeline/facts"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/pipeline/recovery"
	"portal-invites/internal/pipeline/runs"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/store"
)

// Worker runs the stages of one lane.
type Worker struct {
	runner    loop.Runner
	lease     lease
	announcer *announce.Announcer
	stages    []loop.Stage
	answers   *answer.Answers
}

// NewInviteWorker makes the worker of the individual lane. It decides requests for named recipients, and sends their
// mails.
func NewInviteWorker(cfg Config) *Worker {
	p := NewParts("invite-worker", store.IndividualLane, cfg)
	decider := decide.Decider{Ledger: p.Ledger, Sender: p.Senders}
	return p.worker(p.Consumers.Stage("decide", events.InviteDurable, decide.Batch, decider.Handle))
}

// NewBulkWorker makes the worker of the bulk lane. It turns bulk requests and replays into runs, decides them page by
// page, and sends their mails.
func NewBulkWorker(cfg Config) *Worker {
	p := NewParts("bulk-worker", store.BulkLane, cfg)
	r := runs.Runs{Runner: p.held, Ledger: p.Ledger, Started: p.toWalk.Ring}
	return p.worker(
		p.Consumers.Stage("runs", events.BulkDurable, runs.Batch, r.Handle),
		p.held.Stage("fanout", p.toWalk, r.Walk),
		p.held.Stage("obey", nil, r.Obey))
}

// Parts are the parts that both workers have. A test may run them by hand.
type Parts struct {
	ID        uuid.UUID // of the worker; the rows that it has taken name it
	Runner    loop.Runner
	Ledger    *ledger.Ledger
	Announcer *announce.Announcer
	Consumers consume.Consumers
	Senders   *deliver.Senders
	Delivery  *deliver.Delivery // of the default sender

	held   loop.Runner // of stages that stand still while the database has gone back
	past   *recovery.Watch
	tenure *tenure
	clock  *clock
	cfg    Config
	name   string
	lane   store.Lane
	// A stage rings a bell when it has made work for another stage of this process, which then looks at once.
	toWalk loop.Bell
	stops  *deliver.Stops
}

// NewParts makes the parts of a worker that serves a lane. Nothing runs yet.
func NewParts(name string, lane store.Lane, cfg Config) Parts {
	clock := &clock{}
	cfg.setDefaults(clock.Now)
	p := Parts{
		cfg: cfg, ID: uuid.New(), name: name, lane: lane, toWalk: loop.NewBell(), clock: clock,
	}
	p.tenure = &tenure{lasts: cfg.LeaseFor}
	p.Runner = loop.Runner{Log: cfg.Log.With().Str("worker", name).Logger(), Waiting: cfg.Observer.Waiting}
	p.past = &recovery.Watch{Runner: p.Runner, Observer: cfg.Observer, JS: cfg.JS, Store: cfg.Store, Worker: p.ID}
	p.held = p.Runner
	p.held.Hold = p.past.Hold
	p.Announcer = announce.New(announce.Config{
		Runner: p.held, Observer: cfg.Observer, Past: p.past, Store: cfg.Store, JS: cfg.JS, Topology: cfg.Topology,
		Worker: p.ID,
	})
	p.Ledger = &ledger.Ledger{
		Store: cfg.Store, Worker: p.ID, Now: cfg.Now, Policy: cfg.Policy, Senders: cfg.addresses(),
		Portals: cfg.Portals, Mailboxes: cfg.Keys.Mailboxes, Planned: cfg.Keys.Planned,
		Proofs: cfg.ProofKey, UnprovenFor: cfg.UnprovenFor, ProgressEvery: cfg.ProgressEvery, Observer: cfg.Observer,
		OnOutcomes: p.Announcer.Ring, Begin: p.Announcer.Begin, Admit: p.past.Admit,
	}
	p.Consumers = consume.Consumers{
		Runner: p.held, Observer: cfg.Observer, JS: cfg.JS, Topology: cfg.Topology, Store: cfg.Store, Now: cfg.Now,
		Facts: facts.Projector{Ledger: p.Ledger}.ApplyFirm, Alive: p.tenure.Lasts, Renews: p.tenure.Renews, Pulse: cfg.Pulse,
		Databases: p.past.Databases,
		Timeline: &consume.Timeline{
			Runner: p.Runner, Observer: cfg.Observer, JS: cfg.JS, Topology: cfg.Topology, Store: cfg.Store,
		},
	}
	p.stops = &deliver.Stops{Runner: p.held, Store: cfg.Store}
	p.Delivery = p.delivery(Sender{
		SMTP: cfg.SMTP, Connections: cfg.Connections, Rate: cfg.Rate, DomainRate: cfg.DomainRate,
	})
	deliveries := []*deliver.Delivery{p.Delivery}
	for _, s := range cfg.Senders {
		deliveries = append(deliveries, p.delivery(s))
	}
	p.Senders = deliver.NewSenders(cfg.Store, deliveries...)
	p.Ledger.OnDue = p.Senders.Ring
	return p
}

func (p Parts) delivery(s Sender) *deliver.Delivery {
	return deliver.New(deliver.Config{
		Runner: p.held, Observer: p.cfg.Observer, Ledger: p.Ledger, Lane: p.lane, Sender: s.Name, Due: loop.NewBell(),
		Lease: mayMail{p.tenure, p.past}, Stops: p.stops,
		SMTP: s.SMTP, Keys: p.cfg.Keys, Connections: max(s.Connections, 1), Rate: s.Rate, DomainRate: s.DomainRate,
		HoldUnknown: p.cfg.OnUnknown == HoldUnknown, RetryFor: p.cfg.RetryFor, StopWithin: p.cfg.StopWithin,
	})
}

// worker makes a worker of its own stages and the stages that both workers have.
func (p Parts) worker(own ...loop.Stage) *Worker {
	l := p.lease()
	projector := facts.Projector{Ledger: p.Ledger}
	upkept := upkeep.Config{
		Runner: p.held, Observer: p.cfg.Observer, Ledger: p.Ledger, Lane: p.lane,
		HoldUnknown: p.cfg.OnUnknown == HoldUnknown, Keep: p.cfg.Keep, KeepOpen: p.cfg.KeepOpen, Pause: p.cfg.Pause,
		OnDue: p.Senders.Ring,
	}
	stages := []loop.Stage{
		p.Consumers.Stage("facts", events.FactsDurable, facts.Batch, projector.Handle),
		p.Consumers.Timeline.Stage(),
		p.past.Stage(),
		(&consume.Standstill{Runner: p.Runner, Observer: p.cfg.Observer, JS: p.cfg.JS}).Stage(),
		p.Runner.Stage("take over", nil, l.watchOthers),
	}
	stages = append(stages, p.stops.Stage())
	stages = append(stages, p.Senders.Stages()...)
	stages = append(stages, upkept.Stages()...)
	return &Worker{
		runner: p.Runner, lease: l, announcer: p.Announcer, stages: append(stages, own...),
		answers: &answer.Answers{Ledger: p.Ledger.On(p.cfg.Reads), JS: p.cfg.JS, Keys: p.cfg.Keys},
	}
}

func (p Parts) lease() lease {
	return lease{
		Runner: p.Runner, store: p.cfg.Store, worker: p.ID, name: p.name, lasts: p.cfg.LeaseFor,
		hold: p.cfg.OnUnknown == HoldUnknown, tenure: p.tenure, tookOver: p.lookAgain,
		clock: p.clock, watch: &clockWatch{log: p.Runner.Log, report: p.cfg.Observer.ClockAhead},
	}
}

// TakeLease takes the worker's lease once, for tests that run its parts by hand. Nobody renews it.
func (p Parts) TakeLease(ctx context.Context) error {
	if !p.lease().begin(ctx) {
		return ctx.Err()
	}
	return nil
}

// TakeOver takes over once from workers that died, for the same tests.
func (p Parts) TakeOver(ctx context.Context) error { return p.lease().takeOver(ctx) }

// lookAgain makes every stage look for work that another worker has left.
func (p Parts) lookAgain() {
	p.Announcer.Rewind()
	p.Announcer.Ring()
	p.Senders.RingAll()
	p.toWalk.Ring()
}

// Answers returns what answers the services' calls beside this worker. The worker must run, because it publishes the
// outcomes that a call has written.
func (w *Worker) Answers() *answer.Answers { return w.answers }

// Run works until the context ends, then stops in order. It takes nothing new, lets mails on their way arrive,
// publishes their outcomes, and ends its lease, so that other workers take over at once. It returns an error only if a
// stage gave up, and a stage does not give up while it can retry. A worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	// The lease and the announcer run longer than the other stages.
	aliveCtx, stopAlive := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAlive()
	if !w.lease.begin(ctx) {
		return nil // stopped before it had begun
	}
	last, lastCtx := errgroup.WithContext(aliveCtx)
	last.Go(func() error { return w.lease.keep(lastCtx) })
	last.Go(func() error { return w.announcer.Run(lastCtx) })

	working, workingCtx := errgroup.WithContext(ctx)
	for _, s := range w.stages {
		working.Go(func() error {
			if err := s.Run(workingCtx); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			return nil
		})
	}
	w.runner.Log.Info().Str("worker_id", w.lease.worker.String()).Msg("worker started")
	err := working.Wait()
	stopAlive()
	err = errors.Join(err, last.Wait())
	w.lease.end(ctx)
	w.runner.Log.Info().Msg("worker stopped")
	return err
}
