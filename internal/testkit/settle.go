package testkit

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// patience is longer than anything takes that happens at all.
const patience = 2 * time.Minute

// Durables returns the names of all durables that workers read from.
func Durables() []string {
	return []string{events.FactsDurable, events.InviteDurable, events.BulkDurable}
}

// Settled waits until nothing is left to do: every message is acknowledged, no invite is queued, every run has
// completed, and every event is announced.
func (s *Scene) Settled() {
	s.TB.Helper()
	testenv.Eventually(s.TB, patience, func() error {
		if err := s.Acknowledged(Durables()...); err != nil {
			return err
		}
		var invites, runs, outbox int
		err := s.DB.QueryRow(s.Ctx, `
			SELECT (SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')),
				(SELECT count(*) FROM runs WHERE completed_at IS NULL OR to_revise), (SELECT count(*) FROM outbox)`).
			Scan(&invites, &runs, &outbox)
		if err == nil && invites+runs+outbox > 0 {
			err = fmt.Errorf("still open: %d invites, %d runs, %d events to announce", invites, runs, outbox)
		}
		return err
	})
}

// Handled waits until these durables have no messages left. Invites may still be queued.
func (s *Scene) Handled(durables ...string) {
	s.TB.Helper()
	testenv.Eventually(s.TB, patience, func() error { return s.Acknowledged(durables...) })
}

// Acknowledged returns an error that names a durable with messages that are not acknowledged yet. It asks the stream,
// because a durable may count a new message a moment after its publisher has got the acknowledgement.
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

// Reset sets durables back to the stream's beginning, as an operator would.
func (s *Scene) Reset(durables ...string) {
	s.TB.Helper()
	for _, durable := range durables {
		_, err := s.JS.ResetConsumerToSequence(s.Ctx, events.EventsStream, durable, 1)
		s.Must(err)
	}
}
