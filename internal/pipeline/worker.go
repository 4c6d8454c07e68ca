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

// NewInviteWorker serves the individual lane: it decides requests for named recipients and delivers them.
func NewInviteWorker(cfg Config) *Worker {
	p := newParts("invite-worker", store.IndividualLane, cfg)
	decider := decide.Decider{Ledger: p.ledger, Sender: p.delivery}
	return p.worker(p.consumers.Stage("decide", events.InviteDurable, decide.Batch, decider.Handle))
}

// NewBulkWorker serves the bulk lane: it turns bulk requests into runs, walks them and delivers what they decide.
func NewBulkWorker(cfg Config) *Worker {
	p := newParts("bulk-worker", store.BulkLane, cfg)
	r := runs.Runs{Runner: p.runner, Ledger: p.ledger, Started: p.toWalk.Ring}
	return p.worker(
		p.consumers.Stage("runs", events.BulkDurable, runs.Batch, r.Handle),
		p.runner.Stage("fanout", p.toWalk, r.Walk))
}

// parts is what both workers are made of.
type parts struct {
	cfg       Config
	id        uuid.UUID
	name      string
	lane      store.Lane
	runner    loop.Runner
	announcer *announce.Announcer
	ledger    *ledger.Ledger
	consumers consume.Consumers
	delivery  *deliver.Delivery

	// Rung by a stage that has made work for another one in this process, so that it need not wait for its next look.
	due, toWalk loop.Bell
}

func newParts(name string, lane store.Lane, cfg Config) parts {
	cfg.setDefaults()
	p := parts{cfg: cfg, id: uuid.New(), name: name, lane: lane, due: loop.NewBell(), toWalk: loop.NewBell()}
	p.runner = loop.Runner{Log: cfg.Log.With().Str("worker", name).Logger(), Waiting: cfg.Observer.Waiting}
	p.announcer = announce.New(announce.Config{
		Runner: p.runner, Observer: cfg.Observer, Store: cfg.Store, JS: cfg.JS, Worker: p.id,
	})
	p.ledger = &ledger.Ledger{
		Store: cfg.Store, Worker: p.id, Now: cfg.Now, Policy: cfg.Policy, From: cfg.SMTP.From, ProgressEvery: cfg.ProgressEvery,
		Observer: cfg.Observer, OnDue: p.due.Ring, OnOutcomes: p.announcer.Ring, Begin: p.announcer.Begin,
	}
	p.consumers = consume.Consumers{
		Runner: p.runner, Observer: cfg.Observer, JS: cfg.JS, Topology: cfg.Topology, Store: cfg.Store, Now: cfg.Now,
	}
	p.delivery = deliver.New(deliver.Config{
		Runner: p.runner, Observer: cfg.Observer, Ledger: p.ledger, Lane: lane, Due: p.due,
		SMTP: cfg.SMTP, Keys: cfg.Keys, Connections: cfg.Connections, Rate: cfg.Rate, DomainRate: cfg.DomainRate,
		HoldUnknown: cfg.OnUnknown == HoldUnknown, RetryFor: cfg.RetryFor, StopWithin: cfg.StopWithin,
	})
	return p
}

// worker puts the stages that both workers have beside those of one.
func (p parts) worker(own ...loop.Stage) *Worker {
	l := lease{
		Runner: p.runner, store: p.cfg.Store, worker: p.id, name: p.name, lasts: p.cfg.LeaseFor, hold: p.cfg.OnUnknown == HoldUnknown,
		tookOver: p.lookAgain,
	}
	projector := facts.Projector{Ledger: p.ledger}
	upkept := upkeep.Config{
		Runner: p.runner, Observer: p.cfg.Observer, Ledger: p.ledger, Lane: p.lane,
		HoldUnknown: p.cfg.OnUnknown == HoldUnknown, Keep: p.cfg.Keep,
	}
	stages := []loop.Stage{
		p.consumers.Stage("facts", events.FactsDurable, facts.Batch, projector.Handle),
		p.delivery.Stage(),
		p.runner.Stage("take over", nil, l.takeOver),
	}
	stages = append(stages, upkept.Stages()...)
	return &Worker{
		runner: p.runner, lease: l, announcer: p.announcer, stages: append(stages, own...),
		answers: &answer.Answers{Ledger: p.ledger.On(p.cfg.Reads), JS: p.cfg.JS, Keys: p.cfg.Keys},
	}
}

// lookAgain has every stage look for what another worker left.
func (p parts) lookAgain() {
	p.announcer.Rewind()
	p.announcer.Ring()
	p.due.Ring()
	p.toWalk.Ring()
}

// Answers answers questions beside this worker, which must be running: it announces what the answers have told.
func (w *Worker) Answers() *answer.Answers { return w.answers }

// Run works until the context ends, then stops in order: nothing new is taken, mails on their way arrive, their outcomes are
// announced, and the lease ends, so that others take over at once. It returns an error only where a stage gave up, which
// none does while it can wait. A worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	// The lease and the announcer outlive the other stages.
	aliveCtx, stopAlive := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAlive()
	if err := w.lease.begin(ctx); err != nil {
		return err
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
	w.runner.Log.Info().Str("worker_id", w.lease.worker.String()).Msg("working")
	err := working.Wait()
	stopAlive()
	err = errors.Join(err, last.Wait())
	w.lease.end(ctx)
	w.runner.Log.Info().Msg("stopped")
	return err
}
