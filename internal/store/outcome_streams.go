package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrWentBack says that this database has been restored to an earlier moment: the stream of outcomes knows more than it
// does (ADR 87). It counts as [Away], since the same work succeeds once an operator has mended that.
var ErrWentBack = errors.New("the database went back to an earlier moment")

// ErrOtherDatabase says that the database was started again, or restored. What led to a transaction may be from the
// database before, so it is done again. It counts as [Away].
var ErrOtherDatabase = errors.New("the database was started again; this is done again")

// OutcomeMark is how far the stream of outcomes is known to this database. Each outcome up to it was in the outbox
// once. An outcome behind it is still in the outbox, unless the database went back.
type OutcomeMark struct {
	Stream   time.Time // when the broker created the stream
	Sequence uint64
	At       time.Time // when the mark was reached, by the database's clock
	Judged   bool      // false while workers may run that do not raise the mark
}

// OutcomeMark reads the mark of the stream that was created at that time. It returns [ErrNotFound] if there is none.
func (t *Tx) OutcomeMark(ctx context.Context, stream time.Time) (OutcomeMark, error) {
	mark := OutcomeMark{Stream: stream}
	err := t.tx.QueryRow(ctx, `
		SELECT last_sequence, reached_at, NOT EXISTS (SELECT FROM ledger WHERE judged_from > now())
		FROM outcome_streams WHERE created = $1`, stream).Scan(&mark.Sequence, &mark.At, &mark.Judged)
	if errors.Is(err, pgx.ErrNoRows) {
		return OutcomeMark{}, ErrNotFound
	}
	if err != nil {
		return OutcomeMark{}, fmt.Errorf("read how far the stream of outcomes is known: %w", err)
	}
	return mark, nil
}

// RaiseOutcomeMark raises the mark of a stream. The first call for a stream sets it.
func (t *Tx) RaiseOutcomeMark(ctx context.Context, to OutcomeMark) error {
	if _, err := t.tx.Exec(ctx, raiseOutcomeMark, to.Stream, int64(to.Sequence)); err != nil {
		return fmt.Errorf("keep how far the stream of outcomes is known: %w", err)
	}
	return nil
}

const raiseOutcomeMark = `
	INSERT INTO outcome_streams AS known (created, last_sequence, reached_at) VALUES ($1, $2, now())
	ON CONFLICT (created) DO UPDATE SET last_sequence = excluded.last_sequence, reached_at = now()
	WHERE known.last_sequence < excluded.last_sequence`

// Announced deletes a worker's events that the stream has acknowledged, and raises the mark in the same transaction.
// The worker is named because the key of the table begins with it. least is a mark that the caller has seen before. If
// this database's mark is lower, it went back, and nothing is deleted.
func (t *Tx) Announced(ctx context.Context, worker uuid.UUID, events []Outbound, reached, least OutcomeMark) error {
	if len(events) == 0 {
		return nil
	}
	var batch pgx.Batch
	batch.Queue(`SELECT FROM outcome_streams WHERE created = $1 AND last_sequence < $2`,
		least.Stream, int64(least.Sequence)).Exec(func(lower pgconn.CommandTag) error {
		if lower.RowsAffected() > 0 {
			return ErrWentBack
		}
		return nil
	})
	batch.Queue(clearOutbox, worker,
		column(events, func(e Outbound) int64 { return e.OutboxID }))
	batch.Queue(raiseOutcomeMark, reached.Stream, int64(reached.Sequence))
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("clear the outbox: %w", err)
	}
	return nil
}

// StreamOutcome is an outcome as the stream has it.
type StreamOutcome struct {
	Sequence uint64
	ID       string
}

// UnknownOutcomes returns the ids of those outcomes of a stream that are behind its mark and not in the outbox. One
// statement compares both, so it does no harm that workers publish meanwhile.
func (t *Tx) UnknownOutcomes(ctx context.Context, stream time.Time, outcomes []StreamOutcome) (map[string]bool, error) {
	unknown := map[string]bool{}
	if len(outcomes) == 0 {
		return unknown, nil
	}
	ids, err := collect(ctx, t, "look for outcomes in the outbox", pgx.RowTo[string], `
		SELECT e.event_id FROM unnest($2::text[], $3::bigint[]) AS e (event_id, sequence)
		WHERE e.sequence > (SELECT last_sequence FROM outcome_streams WHERE created = $1)
		  AND NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = e.event_id)`,
		stream,
		column(outcomes, func(o StreamOutcome) string { return o.ID }),
		column(outcomes, func(o StreamOutcome) int64 { return int64(o.Sequence) }))
	for _, id := range ids {
		unknown[id] = true
	}
	return unknown, err
}

// ForgetOutcomeMarks makes the next worker begin with the stream of outcomes as it is, whatever the stream has that
// this database does not know.
func (s *Store) ForgetOutcomeMarks(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM outcome_streams`); err != nil {
		return fmt.Errorf("forget how far the stream of outcomes is known: %w", err)
	}
	return nil
}

// LockRecovery locks the mark of a stream, so that one recovery reads it at a time. It returns how far the lost
// outcomes are read: the mark itself if none was read yet.
func (t *Tx) LockRecovery(ctx context.Context, stream time.Time) (to uint64, err error) {
	err = t.tx.QueryRow(ctx, `
		SELECT greatest(last_sequence, recovered_to) FROM outcome_streams WHERE created = $1 FOR UPDATE`, stream).Scan(&to)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("read how far the lost outcomes are read: %w", err)
	}
	return to, nil
}

// noteRecoveredTo notes how far ($2) the lost outcomes of a stream ($1) are read. If there were any ($3), invites
// before the place of [Tx.RecoveredTo] may have new ones.
const noteRecoveredTo = `
	UPDATE outcome_streams SET recovered_to = $2, entered_to = CASE WHEN NOT $3 THEN entered_to END WHERE created = $1`

// RecoveredTo returns the invite up to which recovered outcomes are entered, in the order of the ids. It locks the
// place until the transaction ends.
func (t *Tx) RecoveredTo(ctx context.Context, stream time.Time) (invite uuid.UUID, err error) {
	var to uuid.NullUUID
	err = t.tx.QueryRow(ctx, `SELECT entered_to FROM outcome_streams WHERE created = $1 FOR UPDATE`, stream).Scan(&to)
	if err != nil {
		return uuid.Nil, fmt.Errorf("read how far recovered outcomes are entered: %w", err)
	}
	return to.UUID, nil
}

// NoteRecoveredTo notes the invite up to which recovered outcomes are entered.
func (t *Tx) NoteRecoveredTo(ctx context.Context, stream time.Time, invite uuid.UUID) error {
	_, err := t.tx.Exec(ctx, `UPDATE outcome_streams SET entered_to = $2 WHERE created = $1`, stream, invite)
	if err != nil {
		return fmt.Errorf("note how far recovered outcomes are entered: %w", err)
	}
	return nil
}

// EndRecovery raises a stream's mark to where the lost outcomes are read. From then on, workers may write.
func (t *Tx) EndRecovery(ctx context.Context, stream time.Time) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE outcome_streams SET last_sequence = greatest(last_sequence, recovered_to), reached_at = now(),
			recovered_to = NULL, entered_to = NULL
		WHERE created = $1`, stream)
	if err != nil {
		return fmt.Errorf("end the recovery: %w", err)
	}
	return nil
}
