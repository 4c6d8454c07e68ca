package consume

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
)

// Standstill notices when the ack floor of a durable does not move although a message waits behind it. Nothing else
// shows that: every stage may believe that it waits for another one.
type Standstill struct {
	loop.Runner
	Observer Observer
	JS       jetstream.JetStream

	seen map[string]stop // by durable; owned by the goroutine of the stage
}

// stop is a message that waits right behind a floor.
type stop struct {
	sequence uint64
	since    time.Time
	reported bool
}

const (
	// floorStands is how long a floor may stand still before that is reported.
	floorStands = 30 * time.Second
	// lookEvery is how often a worker looks.
	lookEvery = 5 * time.Second
)

// Stage makes the stage that looks.
func (s *Standstill) Stage() loop.Stage {
	return s.Runner.Stage("watch", nil, func(ctx context.Context) (bool, error) {
		for _, durable := range []string{events.FactsDurable, events.InviteDurable, events.BulkDurable} {
			if err := s.Look(ctx, durable, time.Now()); err != nil && !events.Missing(err) {
				return false, err
			}
		}
		loop.Wait(ctx, nil, lookEvery)
		return true, nil
	})
}

// Look compares a durable's oldest message that is not acknowledged with the one of the last look.
func (s *Standstill) Look(ctx context.Context, durable string, now time.Time) error {
	oldest, err := events.Oldest(ctx, s.JS, durable)
	if err != nil {
		return err
	}
	if s.seen == nil {
		s.seen = map[string]stop{}
	}
	known := s.seen[durable]
	switch {
	case oldest != known.sequence:
		if known.reported {
			s.Log.Info().Str("durable", durable).Uint64("sequence", known.sequence).Msg("a durable moves on")
			s.Observer.StoodStill(durable, 0, 0)
		}
		s.seen[durable] = stop{sequence: oldest, since: now}
	case oldest != 0 && now.Sub(known.since) >= floorStands:
		s.Observer.StoodStill(durable, oldest, now.Sub(known.since))
		if !known.reported {
			known.reported = true
			s.seen[durable] = known
			s.Log.Error().Str("durable", durable).Uint64("sequence", oldest).Stringer("for", loop.Rounded(now.Sub(known.since))).
				Msg("a durable stands still: a message of " + events.EventsStream + " is not handled. Look for the worker " +
					"that holds it and for what that waits for; a restart makes another worker take it")
		}
	}
	return nil
}
