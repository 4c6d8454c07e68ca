package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Lease renews a worker's lease (ADR 2). The time is the database's, so the workers' clocks need not agree. It also
// revives a worker that was taken for dead: other workers have taken over what it had, so it begins with nothing.
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

// EndLease ends the lease of a worker that is about to stop. Others can take over at once what it still has.
func (s *Store) EndLease(ctx context.Context, worker uuid.UUID) error {
	_, err := s.pool.Exec(ctx, `UPDATE workers SET lease_until = '-infinity' WHERE worker_id = $1`, worker)
	if err != nil {
		return fmt.Errorf("end the worker's lease: %w", err)
	}
	return nil
}

// Takeover is what a worker has taken over from others that died.
type Takeover struct {
	Invites int // that they were sending; nobody knows how far each attempt came
	Runs    int // that they were working on
	Events  int // that they had not announced
}

// Anything says whether anything was taken over.
func (t Takeover) Anything() bool { return t != Takeover{} }

// TakeOver frees what workers with an ended lease had. Their runs can be leased again, and the heir announces their
// events. The invites that they were sending are due again. The attempts of these invites are recorded as unknown
// before a second mail leaves. With hold, such invites are held for a ruling instead.
func (s *Store) TakeOver(ctx context.Context, heir uuid.UUID, hold bool) (Takeover, error) {
	var took Takeover
	err := s.Tx(ctx, func(t *Tx) error {
		took = Takeover{}
		rows, err := t.tx.Query(ctx, `
			SELECT worker_id FROM workers WHERE lease_until < now() AND worker_id <> $1
			ORDER BY worker_id FOR UPDATE SKIP LOCKED`, heir)
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
			// A transaction that a worker began before it died may still commit. So the worker is kept until none can.
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

// ReturnUnsent puts the invites that a worker is marked as sending back into the queue. The worker knows that it has
// sent none of them: the answer to its claim got lost. The claim may have committed, or may be about to commit. So this
// waits for all transactions that write attempts, for two seconds at most, because no attempt can begin meanwhile.
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
