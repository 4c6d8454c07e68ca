package testkit

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// patience is longer than anything takes that does happen.
const patience = 2 * time.Minute

// Durables are the names of all durables that workers read from.
func Durables() []string {
	return []string{events.FactsDurable, events.InviteDurable, events.BulkDurable}
}

// Settled waits until nothing is left to do: every message acknowledged, nothing queued, no run to walk, no event to announce.
func (s *Scene) Settled() {
	s.TB.Helper()
	testenv.Eventually(s.TB, patience, func() error {
		if err := s.Acknowledged(Durables()...); err != nil {
			return err
		}
		var invites, runs, outbox int
		err := s.DB.QueryRow(s.Ctx, `SELECT (SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')),
			(SELECT count(*) FROM runs WHERE completed_at IS NULL), (SELECT count(*) FROM outbox)`).Scan(&invites, &runs, &outbox)
		if err == nil && invites+runs+outbox > 0 {
			err = fmt.Errorf("still open: %d invites, %d runs, %d events to announce", invites, runs, outbox)
		}
		return err
	})
}

// Handled waits until these durables have nothing left, whatever is still queued behind them.
func (s *Scene) Handled(durables ...string) {
	s.TB.Helper()
	testenv.Eventually(s.TB, patience, func() error { return s.Acknowledged(durables...) })
}

// Acknowledged says which durable still has messages to hand out, or to be acknowledged. It asks the stream, since a durable may
// count what is pending a moment after the publisher has its answer.
func (s *Scene) Acknowledged(durables ...string) error {
	stream, err := s.JS.Stream(s.Ctx, events.EventsStream)
	if err != nil {
		return err
	}
	for _, durable := range durables {
		consumer, err := stream.Consumer(s.Ctx, durable)
		if err != nil {
			return err
		}
		info := consumer.CachedInfo()
		next, err := stream.GetMsg(s.Ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(info.Config.FilterSubject))
		if err == nil {
			return fmt.Errorf("%s has not acknowledged message %d yet", durable, next.Sequence)
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
	}
	return nil
}

// Reset takes durables back to the stream's beginning, as ops would.
func (s *Scene) Reset(durables ...string) {
	s.TB.Helper()
	for _, durable := range durables {
		_, err := s.JS.ResetConsumerToSequence(s.Ctx, events.EventsStream, durable, 1)
		s.Must(err)
	}
}
