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

// Lease renews a worker's lease (ADR 2). The time is the database's, so the workers' clocks need not agree. It also
// revives a worker that was taken for dead.
func (s *Store) Lease(ctx context.Context, worker uuid.UUID, name string, lasts time.Duration) (Renewal, error) {
	var r Renewal
	err := s.pool.QueryRow(ctx, `
		WITH before AS (SELECT lease_until FROM workers WHERE worker_id = $1)
		INSERT INTO workers (worker_id, name, started_at, lease_until) VALUES ($1, $2, now(), now() + $3::interval)
		ON CONFLICT (worker_id) DO UPDATE SET lease_until = excluded.lease_until
		RETURNING coalesce((SELECT lease_until > now() FROM before), false), clock_timestamp()`,
		worker, name, lasts).Scan(&r.Kept, &r.At)
	if err != nil {
		return Renewal{}, fmt.Errorf("renew the worker's lease: %w", err)
	}
	return r, nil
}

// Renewal is a lease that was renewed.
type Renewal struct {
	Kept bool      // false if the lease is new or had ended: other workers may have taken over what the worker had
	At   time.Time // the database's time during the renewal
}

// EndLease ends the lease of a worker that is about to stop. Others can take over at once what it still has.
func (s *Store) EndLease(ctx context.Context, worker uuid.UUID) error {
	_, err := s.pool.Exec(ctx, `UPDATE workers SET lease_until = '-infinity' WHERE worker_id = $1`, worker)
	if err != nil {
		return fmt.Errorf("end the worker's lease: %w", err)
	}
	return nil
}

// ErrLeaseEnded says that a worker may claim nothing, because its lease has ended. Another worker may take over at any
// moment. The worker can claim again as soon as it has renewed its lease.
var ErrLeaseEnded = errors.New("this worker's lease has ended; it claims nothing until the lease is renewed")

// A transaction that writes what a worker has claimed, or what became of it, first locks the worker's own row. So it
// and a take-over exclude each other (ADR 80). The lock lets the lease be renewed meanwhile. Each statement is one of a
// batch, so it costs no round trip.
const (
	// leaseHeld finds the row of the worker ($1) while its lease lasts. The time is compared after the lock was given.
	leaseHeld = `
		WITH mine AS MATERIALIZED (SELECT lease_until FROM workers WHERE worker_id = $1 FOR KEY SHARE)
		SELECT FROM mine WHERE lease_until > clock_timestamp()`
	// lockLease locks the row of the worker ($1), even if its lease has ended.
	lockLease = `SELECT FROM workers WHERE worker_id = $1 FOR KEY SHARE`
)

// queueLease adds to a batch of statements that a worker's lease lasts until the transaction ends, or [ErrLeaseEnded].
func queueLease(batch *pgx.Batch, worker uuid.UUID) {
	batch.Queue(leaseHeld, worker).Exec(func(found pgconn.CommandTag) error {
		if found.RowsAffected() == 0 {
			return ErrLeaseEnded
		}
		return nil
	})
}

// Heir is a worker that takes over.
type Heir struct {
	ID uuid.UUID
	// Steady says that the heir has renewed its own lease without a gap for as long as a lease lasts. Only then it takes
	// over from workers whose lease ran out. After an outage of the database all leases have run out, and the other
	// workers may live and be about to renew theirs (ADR 80). It always takes over from workers that ended their lease.
	Steady bool
	// Hold says that invites which are taken over are held for a ruling. Otherwise they are due again.
	Hold bool
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
// events. The invites that they were sending are due again, or held. The attempts of these invites are recorded as
// unknown before a second mail leaves. It passes over a worker that is just writing what it has claimed.
func (s *Store) TakeOver(ctx context.Context, heir Heir) (Takeover, error) {
	var took Takeover
	err := s.Tx(ctx, func(t *Tx) error {
		took = Takeover{}
		rows, err := t.tx.Query(ctx, `
			SELECT worker_id FROM workers
			WHERE worker_id <> $1 AND (lease_until = '-infinity' OR $2 AND lease_until < now()
				AND EXISTS (SELECT FROM workers heir WHERE heir.worker_id = $1 AND heir.lease_until > now()))
			ORDER BY worker_id FOR UPDATE SKIP LOCKED`, heir.ID, heir.Steady)
		if err != nil {
			return err
		}
		dead, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(dead) == 0 {
			return err
		}
		if err := t.tx.QueryRow(ctx, takeOverSending, dead, heir.Hold).Scan(&took.Invites); err != nil {
			return err
		}
		for _, free := range []struct {
			count *int
			sql   string
			args  []any
		}{
			{&took.Runs, takeOverRuns, []any{dead}},
			{&took.Events, takeOverOutbox, []any{dead, heir.ID}},
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

// Orphan gives what any worker has taken to a worker that has ended its lease, so that others take it over at once. A
// restored database has work of workers that are gone, and of workers that live and know nothing of it any more.
// Nobody may work meanwhile.
func (t *Tx) Orphan(ctx context.Context) error {
	nobody := uuid.New()
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO workers (worker_id, name, started_at, lease_until) VALUES ($1, 'restored', now(), '-infinity')`, nobody)
	for _, give := range []string{orphanInvites, orphanRuns, orphanOutbox} {
		batch.Queue(give, nobody)
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("take the backup's work from its workers: %w", err)
	}
	return nil
}

// takeOverSending frees the invites that dead workers ($1) were sending, holds them or not ($2), and ends their
// attempts. It is one statement, so invites and attempts are those of one moment.
const takeOverSending = `
	WITH freed AS (` + takeOverInvites + `), ended AS (` + takeOverAttempts + `)
	SELECT count(*) FROM freed`

// ReturnUnsent puts the invites of a sender that a worker is marked as sending back into the queue. The worker knows
// that it has sent none of them: the answer to its claim got lost. The claim may have committed, or may be about to
// commit. So this waits for all transactions that write attempts, for two seconds at most, because no attempt can begin
// meanwhile.
//
// The lock comes in a batch of its own. A batch prepares all of its statements first, and Postgres locks the table of
// an UPDATE when it prepares that. Two workers that had prepared theirs would wait for each other.
func (t *Tx) ReturnUnsent(ctx context.Context, worker uuid.UUID, sender string) error {
	var lock, move pgx.Batch
	lock.Queue(`SET LOCAL lock_timeout = '2s'`)
	lock.Queue(lockLease, worker)
	lock.Queue(`LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE`)
	move.Queue(returnAttempts, worker, sender)
	move.Queue(returnInvites, worker, sender)
	for _, batch := range []*pgx.Batch{&lock, &move} {
		if err := t.tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("return unsent invites: %w", err)
		}
	}
	return nil
}
