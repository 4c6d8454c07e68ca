package row

import (
	"context"
	"fmt"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
)

// two are two processes of one lane.
const two = "two-processes"

// twoWorkers sends with two processes and with one. Each process has its own
// SMTP connections.
func (b *Bench) twoWorkers(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "two workers",
		contender{pipeline, func(ctx context.Context) (measure.Sample, error) { return b.sendWith(ctx, template, 1) }},
		contender{two, func(ctx context.Context) (measure.Sample, error) { return b.sendWith(ctx, template, 2) }})
	b.Ratios = append(b.Ratios, measure.Ratio{
		Row: "two workers", Of: two, Against: pipeline, Unit: measure.PerOp, Wants: measure.AtLeast, Limit: 0, Says: "sending with two processes, against one",
	})
	return err
}

// sendWith is a run that several processes deliver; nobody is left out, and
// nobody gets two mails.
func (b *Bench) sendWith(ctx context.Context, template string, processes int) (measure.Sample, error) {
	s, err := b.setStage(ctx, rig.BulkWorker, b.Rig.Durable, template)
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
	// The run's end may be told by one process before another has told its last outcomes; none stops before it has.
	for _, p := range others {
		if _, err := p.Stop(); err != nil {
			return measure.Sample{}, err
		}
	}
	if _, err := s.clear(ctx); err != nil {
		return measure.Sample{}, err
	}
	if err := b.checkSent(ctx, s.broker, b.Sends); err != nil {
		return measure.Sample{}, fmt.Errorf("%d processes: %w", processes, err)
	}
	return measure.Sample{Ops: b.Sends, Took: took}, nil
}
