package opstest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// pipeline is the running pipeline, as a test sees it.
type pipeline struct {
	t    *testing.T
	js   jetstream.JetStream
	db   *pgxpool.Pool
	down bool // whether the mail server is down
}

func (p *pipeline) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// settle waits until the workers have nothing left to do. While the mail server is down, it does not wait for mails.
func (p *pipeline) settle() {
	p.t.Helper()
	testenv.Eventually(p.t, 2*time.Minute, func() error {
		if err := p.consumed(); err != nil {
			return err
		}
		var open int
		err := p.db.QueryRow(p.t.Context(), `SELECT (SELECT count(*) FROM outbox) +
			(SELECT count(*) FROM runs WHERE NOT walked OR NOT $1 AND completed_at IS NULL AND NOT EXISTS (
				SELECT FROM invites
				WHERE invites.run_id = runs.run_id AND state = 'queued' AND held_at IS NOT NULL)) +
			(SELECT count(*) FROM invites
				WHERE NOT $1 AND (state = 'sending' OR state = 'queued' AND next_attempt_at <= now()))`, p.down).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d things are still open", open)
		}
		return err
	})
}

// consumed compares the last messages of the stream with how far the durables have come.
func (p *pipeline) consumed() error {
	stream, err := p.js.Stream(p.t.Context(), events.EventsStream)
	if err != nil {
		return err
	}
	for durable, prefix := range map[string]events.Prefix{
		events.FactsDurable: events.Facts, events.InviteDurable: events.Requests, events.BulkDurable: events.BulkRequests,
	} {
		last, err := stream.GetLastMsgForSubject(p.t.Context(), prefix.All())
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		consumer, err := p.js.Consumer(p.t.Context(), events.EventsStream, durable)
		if err != nil {
			return err
		}
		if info := consumer.CachedInfo(); info.AckFloor.Stream < last.Sequence {
			return fmt.Errorf("%s has come to %d of %d", durable, info.AckFloor.Stream, last.Sequence)
		}
	}
	return nil
}
