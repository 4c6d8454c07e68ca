package row

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// start measures the start of a worker with a waiting request: from the start of the process until its first InviteSent
// is on the stream. The bulk worker's request is a large run.
func (b *Bench) start(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	return b.alternate(ctx, "start to first invite",
		contender{"invite-worker", func(ctx context.Context) (measure.Sample, error) {
			return b.startWith(ctx, template, rig.InviteWorker, firm.ShareFile("first", firm.Individual(0)))
		}},
		contender{"bulk-worker", func(ctx context.Context) (measure.Sample, error) {
			return b.startWith(ctx, template, rig.BulkWorker, firm.InviteAll("first", "individual"))
		}})
}

func (b *Bench) startWith(ctx context.Context, template, command string, request *nats.Msg) (measure.Sample, error) {
	broker := b.Rig.Durable
	db, err := b.empty(ctx, broker, template)
	if err != nil {
		return measure.Sample{}, err
	}
	defer db.Close()
	if err := publish(ctx, broker, request); err != nil {
		return measure.Sample{}, err
	}
	began := time.Now()
	worker, err := b.Rig.Launch(command, broker, db)
	if err != nil {
		return measure.Sample{}, err
	}
	if err := broker.AwaitOutcomes(ctx, 1); err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, worker.Tail())
	}
	took := time.Since(began)
	worker.Kill()
	return measure.Sample{Ops: 1, Took: took}, nil
}

// outage stops the mail server while requests come in, and measures from its return until the last of them is sent.
func (b *Bench) outage(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Durable, template)
	if err != nil {
		return err
	}
	back := b.Rig.Sink.Away()
	if _, err := publishAll(ctx, s.broker, func(yield func(*nats.Msg) bool) {
		for i := range b.Backlog {
			if !yield(firm.ShareFile("share-"+strconv.Itoa(i), firm.Individual(i))) {
				return
			}
		}
	}); err != nil {
		return err
	}
	if err := s.broker.AwaitDurable(ctx, events.InviteDurable); err != nil {
		return err
	}
	timer := time.NewTimer(b.Outage)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := back(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := s.broker.AwaitOutcomes(ctx, 1); err != nil {
		return fmt.Errorf("%w: %s", err, s.Tail())
	}
	first := time.Since(began)
	if err := s.broker.AwaitOutcomes(ctx, b.Backlog); err != nil {
		return fmt.Errorf("%w: %s", err, s.Tail())
	}
	b.note(measure.Sample{
		Row: "drain after an outage", By: pipeline, Round: 1, Ops: b.Backlog, Took: time.Since(began),
		More: map[string]float64{
			"whole-ns": float64(time.Since(began)), "first-ns": float64(first), "outage-ns": float64(b.Outage),
		},
	})
	if err := b.checkSent(ctx, s.broker, b.Backlog); err != nil {
		return err
	}
	_, err = s.finish(ctx)
	return err
}
