package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Mark is the highest sequence of a stream that any worker has been given. Times are those at which the broker stored a
// message, in nanoseconds.
type Mark struct {
	Sequence uint64
	Time     int64 // of the message with that sequence
	Newest   int64 // the greatest time of any message that a worker has been given
}

// EventStream is what the ledger knows about a stream (ADR 98).
type EventStream struct {
	Mark Mark
	// An epoch is the messages from a sequence on, until the next epoch begins. There is at least one, and the oldest is
	// the first.
	Firsts []uint64    // the first sequence of each epoch
	Begins []time.Time // take the place of the stream's creation time in positions
}

// EventStream returns what the ledger knows about the stream that was created at that time. A stream that the ledger
// does not know yet gets its first epoch. It begins with the stream, and after each epoch of the streams before it.
func (s *Store) EventStream(ctx context.Context, created time.Time) (EventStream, error) {
	stream, err := readEventStream(ctx, s.pool, created, "")
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.Tx(ctx, func(t *Tx) (err error) {
			stream, err = t.eventStream(ctx, created, "")
			return err
		})
	}
	if err != nil {
		return EventStream{}, fmt.Errorf("read what the ledger knows about the stream: %w", err)
	}
	return stream, nil
}

func (t *Tx) eventStream(ctx context.Context, created time.Time, lock string) (EventStream, error) {
	_, err := t.tx.Exec(ctx, `
		INSERT INTO event_streams (created, last_sequence, last_time, newest_time, firsts, begins)
		SELECT $1, 0, 0, 0, '{1}', ARRAY [greatest($1, max(begin) + interval '1 microsecond')]
		FROM event_streams, unnest(begins) AS begin
		WHERE NOT EXISTS (SELECT FROM event_streams WHERE created = $1)
		HAVING NOT EXISTS (SELECT FROM event_streams WHERE created = $1)
		ON CONFLICT DO NOTHING`, created)
	if err != nil {
		return EventStream{}, err
	}
	return readEventStream(ctx, t.tx, created, lock)
}

func readEventStream(ctx context.Context, db queryer, created time.Time, lock string) (stream EventStream, err error) {
	err = db.QueryRow(ctx, `
		SELECT last_sequence, last_time, newest_time, firsts, begins FROM event_streams WHERE created = $1 `+lock, created,
	).Scan(&stream.Mark.Sequence, &stream.Mark.Time, &stream.Mark.Newest, &stream.Firsts, &stream.Begins)
	return stream, err
}

// BeginEpoch adds an epoch to a stream, if look still says so while nobody else can. look returns the first sequence of
// the new epoch, or 0 if there is none, and the message before it as the new mark. BeginEpoch returns what the ledger
// knows afterwards.
func (s *Store) BeginEpoch(
	ctx context.Context, created time.Time, look func(context.Context, EventStream) (first uint64, mark Mark, err error),
) (stream EventStream, began bool, err error) {
	err = s.Tx(ctx, func(t *Tx) error {
		if err = t.Patient(ctx); err != nil {
			return err
		}
		if stream, err = t.eventStream(ctx, created, "FOR UPDATE"); err != nil {
			return err
		}
		first, mark, err := look(ctx, stream)
		if began = err == nil && first > 0; !began {
			return err
		}
		var begin time.Time
		err = t.tx.QueryRow(ctx, `
			UPDATE event_streams SET last_sequence = $2, last_time = $3, newest_time = greatest(newest_time, $4),
				firsts = firsts || $5::bigint,
				begins = begins || greatest(now(), begins[cardinality(begins)] + interval '1 microsecond')
			WHERE created = $1 RETURNING begins[cardinality(begins)]`,
			created, int64(mark.Sequence), mark.Time, mark.Newest, int64(first)).Scan(&begin)
		stream.Mark, stream.Firsts, stream.Begins = mark, append(stream.Firsts, first), append(stream.Begins, begin)
		return err
	})
	if err != nil {
		return EventStream{}, false, fmt.Errorf("begin an epoch of the stream: %w", err)
	}
	return stream, began, nil
}

// RaiseMark raises a stream's mark, if the stream still has as many epochs as the caller knows. It returns how many the
// stream has. It does not wait until the disk has the mark: a later transaction that has committed proves that.
func (s *Store) RaiseMark(ctx context.Context, created time.Time, epochs int, to Mark) (now int, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
		raised AS (
			UPDATE event_streams SET last_sequence = $3, last_time = $4, newest_time = greatest(newest_time, $5)
			FROM relaxed WHERE created = $1 AND cardinality(firsts) = $2 AND last_sequence < $3)
		SELECT cardinality(firsts) FROM event_streams WHERE created = $1`,
		created, epochs, int64(to.Sequence), to.Time, to.Newest).Scan(&now)
	if err != nil {
		return 0, fmt.Errorf("raise the stream's mark: %w", err)
	}
	return now, nil
}
