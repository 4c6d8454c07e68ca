package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// base is a test's own database, with a second pool of connections to look at the tables.
type base struct {
	*testing.T
	*store.Store
	db *pgxpool.Pool
}

func open(t *testing.T) base {
	t.Helper()
	url := testenv.Database(t)
	s, err := store.Open(t.Context(), url, 10)
	if err != nil {
		t.Fatal(err)
	}
	s.WaitLong()
	t.Cleanup(s.Close)
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return base{t, s, db}
}

func (b base) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b base) do(fn func(context.Context, *store.Tx) error) {
	b.Helper()
	b.must(b.Tx(b.Context(), func(tx *store.Tx) error { return fn(b.Context(), tx) }))
}

func query[T any](b base, sql string, args ...any) T {
	b.Helper()
	var value T
	b.must(b.db.QueryRow(b.Context(), sql, args...).Scan(&value))
	return value
}

// errEnough rolls a transaction back. [store.Store.Tx] does not run such a transaction again.
var errEnough = errors.New("enough")

var (
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// at is a position in the first stream.
func at(sequence uint64) store.Position { return store.Position{Stream: epoch, Sequence: sequence} }

// anew is a position in the stream that replaced the first one, with sequences from 1 again.
func anew(sequence uint64) store.Position {
	return store.Position{Stream: epoch.Add(time.Hour), Sequence: sequence}
}

func email(s string) rules.Email { return rules.Email{Written: s, Normal: s} }

// worker makes a worker with a lease.
func (b base) worker() uuid.UUID {
	b.Helper()
	worker := uuid.New()
	_, err := b.Lease(b.Context(), worker, "worker", time.Hour)
	b.must(err)
	return worker
}

// leaseUntil sets when a worker's lease ends.
func (b base) leaseUntil(worker uuid.UUID, until string) {
	b.Helper()
	_, err := b.db.Exec(b.Context(),
		`UPDATE workers SET lease_until = $2::timestamptz WHERE worker_id = $1`, worker, until)
	b.must(err)
}

// queued inserts a request and n queued invites for it, each due a second after the one before.
func (b base) queued(run uuid.NullUUID, lane store.Lane, n int) (ids []uuid.UUID) {
	b.Helper()
	request := store.Request{
		ID: uuid.New(), FirmID: "acme", Source: "s", EventID: uuid.NewString(), Type: "T", Data: []byte(`{}`), At: at(1),
	}
	invites := make([]store.Invite, n)
	for i := range invites {
		invites[i] = store.Invite{
			ID: uuid.New(), RequestID: request.ID, FirmID: "acme", ClientID: "c", Kind: rules.Invite, Lane: lane, RunID: run,
			State: store.Queued, Person: "contact:k", NextAttempt: now.Add(time.Duration(i-n) * time.Second), DecidedAt: now,
		}
		ids = append(ids, invites[i].ID)
	}
	b.do(func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.InsertRequests(ctx, []store.Request{request}); err != nil {
			return err
		}
		if run.Valid {
			started := store.Run{ID: run.UUID, RequestID: request.ID, FirmID: "acme", Kind: store.InviteRun}
			if err := tx.StartRun(ctx, started, now); err != nil {
				return err
			}
			counts := store.Run{ID: run.UUID, Counts: store.Counts{Selected: n, Pending: n}}
			if err := tx.SaveCounts(ctx, counts, store.Counts{}); err != nil {
				return err
			}
		}
		return tx.InsertInvites(ctx, invites)
	})
	return ids
}

func newRun() uuid.NullUUID { return uuid.NullUUID{UUID: uuid.New(), Valid: true} }
