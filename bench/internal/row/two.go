package row

import (
	"context"
	"fmt"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
)

// two is the contender with two processes of one lane.
const two = "two-processes"

// twoWorkers measures sending with two processes against one. Each process has its own SMTP connections.
func (b *Bench) twoWorkers(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "two workers",
		contender{pipeline, func(ctx context.Context) (measure.Sample, error) { return b.sendWith(ctx, template, 1) }},
		contender{two, func(ctx context.Context) (measure.Sample, error) { return b.sendWith(ctx, template, 2) }})
	b.Ratios = append(b.Ratios, measure.Ratio{
		Row: "two workers", Of: two, Against: pipeline, Unit: measure.PerOp, Wants: measure.AtLeast, Limit: 0,
		Says: "sending with two processes, against one",
	})
	return err
}

// sendWith measures a run that several processes send. It checks that everybody gets exactly one mail.
func (b *Bench) sendWith(ctx context.Context, template string, processes int) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.BulkWorker, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	var others []*rig.Process
	for range processes - 1 {
		p, err := b.Rig.Worker(ctx, rig.BulkWorker, s.broker, s.db)
		if err != nil {
			return measure.Sample{}, err
		}
		others = append(others, p)
	}
	took, err := s.run(ctx, firm.InviteAll("run-1", "business"))
	if err != nil {
		return measure.Sample{}, err
	}
	// One process may publish the run's end before another has published its last outcomes. Each process publishes its
	// outcomes before it stops.
	for _, p := range others {
		if _, err := p.Stop(); err != nil {
			return measure.Sample{}, err
		}
	}
	if _, err := s.finish(ctx); err != nil {
		return measure.Sample{}, err
	}
	if err := b.checkSent(ctx, s.broker, b.Sends); err != nil {
		return measure.Sample{}, fmt.Errorf("%d processes: %w", processes, err)
	}
	return measure.Sample{Ops: b.Sends, Took: took}, nil
}
