package row

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
)

// smallRun is how many people the small run invites.
const smallRun = 10

// crowd starts a run for ten people while a large run is being sent, and individual invites during both.
func (b *Bench) crowd(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	for round := 1; round <= b.Rounds; round++ {
		if err := b.crowdOnce(ctx, template, round); err != nil {
			return fmt.Errorf("crowd, round %d: %w", round, err)
		}
	}
	return nil
}

func (b *Bench) crowdOnce(ctx context.Context, template string, round int) error {
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Durable, template)
	if err != nil {
		return err
	}
	bulk, err := b.Rig.Worker(ctx, rig.BulkWorker, s.broker, s.db)
	if err != nil {
		return err
	}
	if err := b.beginLarge(ctx, s.broker); err != nil {
		return err
	}
	small := make([]string, smallRun)
	for i := range small {
		small[i] = firm.Business(i)
	}
	// The small run completes long before the large one, so the first RunCompleted is the small run's.
	took, err := s.run(ctx, firm.InviteClients("small", small))
	if err != nil {
		return fmt.Errorf("%w: %s", err, bulk.Tail())
	}
	b.note(measure.Sample{
		Row: "crowd", By: "run-of-10", Round: round, Ops: smallRun, Took: took,
		More: map[string]float64{"whole-ns": float64(took)},
	})
	sample, err := b.ask(ctx, s.broker, b.Crowd, func(id string, i int) *nats.Msg {
		return firm.ShareFile(id, firm.Business(smallRun+i))
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, s.Tail())
	}
	sample.Row, sample.By, sample.Round = "crowd", "individual", round
	b.note(sample)
	if err := b.stillOn(ctx, s); err != nil {
		return err
	}
	bulk.Kill()
	_, err = s.finish(ctx)
	return err
}
