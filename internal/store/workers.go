package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Lease says that a worker is alive, for as long again. Times are the database's, so that the clocks of workers need not
// agree. It also revives a worker that was taken for dead: what it held has gone to others, and it begins with nothing.
func (s *Store) Lease(ctx context.Context, worker uuid.UUID, name string, lasts time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO workers (worker_id, name, started_at, lease_until) VALUES ($1, $2, now(), now() + $3::interval)
		ON CONFLICT (worker_id) DO UPDATE SET lease_until = excluded.lease_until`,
		worker, name, lasts)
	if err != nil {
		return fmt.Errorf("renew the worker's lease: %w", err)
	}
	return nil
}

// EndLease lets others take over at once what a worker that is about to stop still holds.
func (s *Store) EndLease(ctx context.Context, worker uuid.UUID) error {
	if _, err := s.pool.Exec(ctx, `UPDATE workers SET lease_until = '-infinity' WHERE worker_id = $1`, worker); err != nil {
		return fmt.Errorf("end the worker's lease: %w", err)
	}
	return nil
}

// Takeover is what a worker has taken over from others that died.
type Takeover struct {
	Invites int // they were sending, and nobody knows how far they came
	Runs    int // they were walking
	Events  int // they had not announced
}

// Anything says whether there was something to take over.
func (t Takeover) Anything() bool { return t != Takeover{} }

// TakeOver frees what workers with an ended lease were holding. Their runs can be leased again, their events are the
// heir's to announce, and the invites they were sending are due again: their attempts are of unknown result, which
// is on record before a second mail leaves. hold keeps such invites back, for a person to decide.
func (s *Store) TakeOver(ctx context.Context, heir uuid.UUID, hold bool) (Takeover, error) {
	var took Takeover
	err := s.Tx(ctx, func(t *Tx) error {
		took = Takeover{}
		rows, err := t.tx.Query(ctx, `
			SELECT worker_id FROM workers WHERE lease_until < now() AND worker_id <> $1 ORDER BY worker_id FOR UPDATE SKIP LOCKED`, heir)
		if err != nil {
			return err
		}
		dead, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(dead) == 0 {
			return err
		}
		for _, free := range []struct {
			count *int
			sql   string
			args  []any
		}{
			{nil, takeOverAttempts, []any{dead}},
			{&took.Invites, takeOverInvites, []any{dead, hold}},
			{&took.Runs, takeOverRuns, []any{dead}},
			{&took.Events, takeOverOutbox, []any{dead, heir}},
			// A transaction that its worker began before it died may still commit; the worker is remembered until none can.
			{nil, `DELETE FROM workers WHERE worker_id = ANY ($1) AND lease_until < now() - interval '1 hour'`, []any{dead}},
		} {
			tag, err := t.tx.Exec(ctx, free.sql, free.args...)
			if err != nil {
				return err
			}
			if free.count != nil {
				*free.count = int(tag.RowsAffected())
			}
		}
		return nil
	})
	if err != nil {
		return Takeover{}, fmt.Errorf("take over from workers that died: %w", err)
	}
	return took, nil
}

// ReturnUnsent queues again what is marked as being sent by a worker that knows it has sent none of it: its claim was
// committed, and the answer got lost. It may be about to be committed, even now: so it waits for all that write attempts, for
// two seconds at most, since nobody can begin one meanwhile.
func (s *Store) ReturnUnsent(ctx context.Context, worker uuid.UUID) error {
	err := s.Tx(ctx, func(t *Tx) error {
		var batch pgx.Batch
		batch.Queue(`SET LOCAL lock_timeout = '2s'`)
		batch.Queue(`LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE`)
		batch.Queue(returnAttempts, worker)
		batch.Queue(returnInvites, worker)
		return t.tx.SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return fmt.Errorf("return unsent invites: %w", err)
	}
	return nil
}
