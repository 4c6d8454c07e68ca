package row

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// replay measures a replay of skipped invites that nobody has fixed. Its floor reads the same invites once, in the same
// keyset pages.
func (b *Bench) replay(ctx context.Context) error {
	template, err := b.unreachable(ctx, b.Contacts)
	if err != nil {
		return err
	}
	if _, err := b.decided(ctx, template); err != nil {
		return err
	}
	err = b.alternate(ctx, "replay",
		contender{pipeline, b.replaySkipped},
		contender{floor, func(ctx context.Context) (measure.Sample, error) {
			d, err := b.empty(ctx, b.Rig.Durable, decidedTemplate)
			if err != nil {
				return measure.Sample{}, err
			}
			defer d.Close()
			return readLedger(ctx, d, b.Contacts)
		}})
	b.compare("replay", floor, measure.PerOp, measure.AtLeast, 0.5, "replay of skips, against one pass over the ledger")
	return err
}

func (b *Bench) replaySkipped(ctx context.Context) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.BulkWorker, b.Rig.Durable, decidedTemplate)
	if err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, s.broker, s.Process)
	// Nothing has changed, so the only outcome is RunCompleted.
	took, err := s.run(ctx, firm.ReplayAll("replay-1"))
	if err != nil {
		return measure.Sample{}, err
	}
	more := meter.Each(ctx, b.Contacts)
	replayed, err := s.db.Count(ctx, `SELECT skipped FROM runs WHERE kind = 'replay' AND completed_at IS NOT NULL`)
	if err != nil {
		return measure.Sample{}, err
	}
	if err := expect("invites replayed", replayed, b.Contacts); err != nil {
		return measure.Sample{}, err
	}
	published, err := s.broker.Outcomes(ctx, outcomesOf(events.InviteSkipped))
	if err != nil {
		return measure.Sample{}, err
	}
	if err := expect("outcomes published again", published, 0); err != nil {
		return measure.Sample{}, err
	}
	usage, err := s.finish(ctx)
	more["RSS-MB"] = megabytes(usage.PeakRSS)
	return measure.Sample{Ops: b.Contacts, Took: took, More: more}, err
}

// ledgerPage is how many invites the floor reads at once.
const ledgerPage = 1000

// readLedger reads all columns of every invite once, in keyset pages over one connection.
func readLedger(ctx context.Context, d *rig.Database, want int) (measure.Sample, error) {
	conn, err := d.Pool.Acquire(ctx)
	if err != nil {
		return measure.Sample{}, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()
	began := time.Now()
	read := 0
	for last := (pgtype.UUID{Valid: true}); ; {
		n, err := readPage(ctx, conn, &last)
		if err != nil {
			return measure.Sample{}, fmt.Errorf("read the ledger: %w", err)
		}
		if read += n; n < ledgerPage {
			return measure.Sample{Ops: want, Took: time.Since(began)}, expect("invites read", read, want)
		}
	}
}

// readPage reads the page after the invite last, and sets last to the last invite of that page.
func readPage(ctx context.Context, conn *pgxpool.Conn, last *pgtype.UUID) (n int, err error) {
	rows, err := conn.Query(ctx, `SELECT * FROM invites WHERE invite_id > $1 ORDER BY invite_id LIMIT $2`,
		*last, ledgerPage)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		values, err := rows.Values()
		if err != nil {
			return n, err
		}
		id, ok := values[0].([16]byte)
		if !ok {
			return n, fmt.Errorf("the first column is a %T and not an id", values[0])
		}
		last.Bytes = id
	}
	return n, rows.Err()
}

// reset measures a reset of a durable whose requests were all sent long ago: from the reset until all of them are
// acknowledged again.
func (b *Bench) reset(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	s, sizes, err := b.sendSingles(ctx, template)
	if err != nil {
		return err
	}
	if _, err := s.Stop(); err != nil {
		return err
	}
	if err := s.db.WriteStatements(ctx, s.Process); err != nil {
		return err
	}
	if _, err := s.db.Pool.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return fmt.Errorf("prepare the ledger: %w", err)
	}
	b.note(sizes)
	err = b.alternate(ctx, "reset",
		contender{pipeline, func(ctx context.Context) (measure.Sample, error) { return b.redeliver(ctx, s) }},
		contender{floor, func(ctx context.Context) (measure.Sample, error) { return readLedger(ctx, s.db, b.Redelivers) }})
	b.compare("reset", floor, measure.PerOp, measure.AtLeast, 0.5,
		"a durable reset over what was sent, against one pass over the ledger")
	s.db.Close()
	return err
}

// sendSingles sends the individual invites that reset redelivers, and measures how many bytes each leaves in the
// database and the streams.
func (b *Bench) sendSingles(ctx context.Context, template string) (*trial, measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Relaxed, template)
	if err != nil {
		return nil, measure.Sample{}, err
	}
	before, err := s.db.Count(ctx, `SELECT pg_database_size(current_database())`)
	if err != nil {
		return nil, measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, s.broker, s.Process)
	began := time.Now()
	if _, err := publishAll(ctx, s.broker, func(yield func(*nats.Msg) bool) {
		for i := range b.Redelivers {
			if !yield(firm.ShareFile("share-"+strconv.Itoa(i), firm.Individual(i))) {
				return
			}
		}
	}); err != nil {
		return nil, measure.Sample{}, err
	}
	if err := s.broker.AwaitOutcomes(ctx, b.Redelivers); err != nil {
		return nil, measure.Sample{}, fmt.Errorf("%w: %s", err, s.Tail())
	}
	sample := measure.Sample{
		Row: "a file shared with each", By: pipeline, Round: 1, Ops: b.Redelivers, Took: time.Since(began),
	}
	sample.More = meter.Each(ctx, b.Redelivers)
	if err := b.checkSent(ctx, s.broker, b.Redelivers); err != nil {
		return nil, sample, err
	}
	after, err := s.db.Count(ctx, `SELECT pg_database_size(current_database())`)
	if err != nil {
		return nil, sample, err
	}
	sample.More["database-B"] = float64(after-before) / float64(b.Redelivers)
	for unit, name := range map[string]string{"events-B": events.EventsStream, "outcomes-B": events.OutcomesStream} {
		bytes, _, err := s.broker.Bytes(ctx, name)
		if err != nil {
			return nil, sample, err
		}
		sample.More[unit] = float64(bytes) / float64(b.Redelivers)
	}
	return s, sample, nil
}

// redeliver resets the durable, and a worker handles all requests again. It checks that nobody gets a second mail and
// that no outcome is published twice.
func (b *Bench) redeliver(ctx context.Context, s *trial) (measure.Sample, error) {
	if err := s.broker.Reset(ctx, events.InviteDurable); err != nil {
		return measure.Sample{}, err
	}
	if err := b.Rig.Sink.Reset(ctx); err != nil {
		return measure.Sample{}, err
	}
	began := time.Now()
	worker, err := b.Rig.Launch(rig.InviteWorker, s.broker, s.db)
	if err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, s.broker, worker)
	if err := s.broker.AwaitDurable(ctx, events.InviteDurable); err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, worker.Tail())
	}
	took := time.Since(began)
	more := meter.Each(ctx, b.Redelivers)
	if _, err := worker.Stop(); err != nil {
		return measure.Sample{}, err
	}
	if err := s.db.WriteStatements(ctx, worker); err != nil {
		return measure.Sample{}, err
	}
	mails, err := b.Rig.Sink.Count(ctx)
	if err != nil {
		return measure.Sample{}, err
	}
	_, published, err := s.broker.Bytes(ctx, events.OutcomesStream)
	if err != nil {
		return measure.Sample{}, err
	}
	return measure.Sample{Ops: b.Redelivers, Took: took, More: more},
		errors.Join(expect("second mails", mails.Mails, 0), expect("outcomes on the stream", int(published), b.Redelivers))
}
