package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// Every run with something to send gets its share, however much another run has to send.
func TestLockDueSharesAmongRuns(t *testing.T) {
	t.Parallel()
	b := open(t)
	large, middle, small := newRun(), newRun(), newRun()
	b.queued(large, store.BulkLane, 200)
	b.queued(middle, store.BulkLane, 200)
	b.queued(small, store.BulkLane, 3)
	b.queued(uuid.NullUUID{}, store.IndividualLane, 5)
	share := func(lane store.Lane, n int) map[uuid.NullUUID]int {
		shares := map[uuid.NullUUID]int{}
		b.do(func(ctx context.Context, tx *store.Tx) error {
			due, err := tx.LockDue(ctx, lane, n, now)
			for _, i := range due {
				shares[i.RunID]++
			}
			return err
		})
		return shares
	}
	got := share(store.BulkLane, 30)
	if got[small] != 3 || got[large] < 10 || got[middle] < 10 || got[large]+got[middle]+got[small] > 30 {
		t.Errorf("of 30: %d, %d and %d", got[large], got[middle], got[small])
	}
	if got := share(store.BulkLane, 2); got[large]+got[middle]+got[small] != 2 {
		t.Errorf("of 2: %v", got)
	}
	if got := share(store.IndividualLane, 30); got[uuid.NullUUID{}] != 5 {
		t.Errorf("the individual lane: %v", got)
	}
	// A transaction passes over what another has locked, and no invite comes before its time.
	b.do(func(ctx context.Context, tx *store.Tx) error {
		locked, err := tx.LockDue(ctx, store.IndividualLane, 3, now)
		if rest := share(store.IndividualLane, 30); len(locked) != 3 || rest[uuid.NullUUID{}] != 2 {
			t.Errorf("%d are locked, %d are left", len(locked), rest[uuid.NullUUID{}])
		}
		return err
	})
	b.do(func(ctx context.Context, tx *store.Tx) error {
		early, err := tx.LockDue(ctx, store.IndividualLane, 30, now.Add(-3*time.Second))
		if len(early) != 3 { // they are due 5, 4, 3, 2 and 1 seconds before
			t.Errorf("%d are due 3 seconds early", len(early))
		}
		return err
	})
}

// A firm with many runs takes nothing from a firm with one run, even if only one mail may leave at a time.
func TestLockDueSharesAmongFirms(t *testing.T) {
	t.Parallel()
	b := open(t)
	lonely := newRun()
	b.queued(lonely, store.BulkLane, 200)
	_, err := b.db.Exec(t.Context(), `UPDATE runs SET firm_id = 'lonely'`)
	b.must(err)
	for range 9 {
		b.queued(newRun(), store.BulkLane, 200)
	}
	of := func(n int) (its int) {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			due, err := tx.LockDue(ctx, store.BulkLane, n, now)
			for _, i := range due {
				if i.RunID == lonely {
					its++
				}
			}
			return err
		})
		return its
	}
	if got := of(90); got < 44 || got > 46 { // half, and shares are rounded up
		t.Errorf("of 90 mails the firm with one run gets %d", got)
	}
	first := 0
	for range 200 {
		first += of(1)
	}
	if first < 60 || first > 140 { // a fair coin fails this once in 100 million times
		t.Errorf("of 200 single mails the firm with one run gets %d", first)
	}
}

// busy gives a worker two invites in flight, a run and an event to announce.
func (b base) busy(worker uuid.UUID) {
	b.Helper()
	ids := b.queued(newRun(), store.BulkLane, 2)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		attempts := []store.Attempt{
			{InviteID: ids[0], Number: 1, MessageID: "a"}, {InviteID: ids[1], Number: 1, MessageID: "b"},
		}
		if err := tx.BeginAttempts(ctx, worker, attempts, now); err != nil {
			return err
		}
		event := store.Outbound{Subject: "s", Type: "T", EventID: uuid.NewString(), Time: now, Data: []byte(`{}`)}
		return tx.AppendOutbox(ctx, worker, []store.Outbound{event})
	})
	if _, err := b.LeaseRun(b.Context(), worker); err != nil {
		b.Fatal(err)
	}
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	all := store.Takeover{Invites: 2, Runs: 1, Events: 1}
	for name, c := range map[string]struct {
		lasts time.Duration
		ended bool
		hold  bool
		want  store.Takeover
		state string
	}{
		"from a worker that died":           {lasts: -time.Second, want: all, state: "queued"},
		"from a worker that died, and hold": {lasts: -time.Second, hold: true, want: all, state: "queued"},
		"from a worker that stopped":        {lasts: time.Hour, ended: true, want: all, state: "queued"},
		"from a worker that is alive":       {lasts: time.Hour, state: "sending"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			worker, heir := uuid.New(), uuid.New()
			b.must(b.Lease(t.Context(), worker, "other", c.lasts))
			b.must(b.Lease(t.Context(), heir, "heir", -time.Second)) // its lease has ended, too: it takes nothing from itself
			b.busy(worker)
			if c.ended {
				b.must(b.EndLease(t.Context(), worker))
			}
			took, err := b.TakeOver(t.Context(), heir, c.hold)
			if err != nil || took != c.want {
				t.Errorf("took %+v, %v; want %+v", took, err, c.want)
			}
			if again, err := b.TakeOver(t.Context(), heir, c.hold); err != nil || again.Anything() {
				t.Errorf("took again %+v, %v", again, err)
			}
			if n := query[int](b, `SELECT count(*) FROM invites WHERE state = $1`, c.state); n != 2 {
				t.Errorf("%d invites are %s", n, c.state)
			}
			if took.Anything() {
				unknown := query[int](b, `SELECT count(*) FROM attempts WHERE verdict = 'unknown' AND finished_at IS NOT NULL`)
				held := query[int](b, `SELECT count(*) FROM invites WHERE held_at IS NOT NULL AND next_attempt_at IS NULL`)
				if unknown != 2 || (held == 2) != c.hold || query[uuid.UUID](b, `SELECT worker_id FROM outbox`) != heir {
					t.Errorf("%d attempts are unknown, %d invites held", unknown, held)
				}
				late := store.Attempt{Verdict: "delivered", Number: query[int](b, `SELECT min(attempt) FROM attempts`)}
				late.InviteID = query[uuid.UUID](b, `SELECT invite_id FROM attempts ORDER BY invite_id LIMIT 1`)
				b.must(b.Tx(t.Context(), func(tx *store.Tx) error {
					mine, err := tx.EndAttempts(t.Context(), []store.Attempt{late}, time.Now())
					if len(mine) > 0 {
						t.Errorf("a worker that was taken for dead can still settle %d invites", len(mine))
					}
					return err
				}))
				if n := query[int](b, `SELECT count(*) FROM attempts WHERE verdict = 'unknown'`); n != 2 {
					t.Errorf("%d attempts are unknown after a late result, want 2", n)
				}
			}
		})
	}
}

// A leased run stays with its worker, and the worker gets it again if an answer got lost.
func TestLeasedRunsTakeTurns(t *testing.T) {
	t.Parallel()
	b := open(t)
	one, two := uuid.New(), uuid.New()
	b.queued(newRun(), store.BulkLane, 1)
	run, err := b.LeaseRun(t.Context(), one)
	b.must(err)
	if _, err := b.LeaseRun(t.Context(), two); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a leased run was given to another worker: %v", err)
	}
	if again, err := b.LeaseRun(t.Context(), one); err != nil || again.ID != run.ID {
		t.Errorf("the worker that has the run asks again: %+v, %v", again, err)
	}
	b.must(b.ReturnRun(t.Context(), run.ID, two)) // this worker can't return it
	if _, err := b.LeaseRun(t.Context(), two); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a worker that does not have the run returned it: %v", err)
	}
	b.must(b.ReturnRun(t.Context(), run.ID, one))
	if taken, err := b.LeaseRun(t.Context(), two); err != nil || taken.ID != run.ID {
		t.Errorf("another worker leases a returned run: %+v, %v", taken, err)
	}
	advance := func(worker uuid.UUID, from store.Cursor) error {
		run.Cursor = from
		err := b.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.Advance(t.Context(), run, worker, store.Cursor{ClientID: "c"}, false)
		})
		return err
	}
	if err := advance(one, store.Cursor{}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a worker that has lost the run advanced it: %v", err)
	}
	b.must(advance(two, store.Cursor{}))
	if err := advance(two, store.Cursor{}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a run was advanced from an old cursor: %v", err)
	}
}

func TestUnsentInvitesAreReturned(t *testing.T) {
	t.Parallel()
	b := open(t)
	mine, other := uuid.New(), uuid.New()
	b.busy(mine)
	b.busy(other)
	b.must(b.ReturnUnsent(t.Context(), mine))
	if n := query[int](b, `SELECT count(*) FROM invites WHERE state = 'queued' AND worker_id IS NULL`); n != 2 {
		t.Errorf("%d invites were returned, want 2", n)
	}
	if n := query[int](b, `SELECT count(*) FROM attempts WHERE worker_id = $1 AND verdict = 'retry'`, mine); n != 2 {
		t.Errorf("%d attempts ended, want 2", n)
	}
	if n := query[int](b, `SELECT count(*) FROM attempts WHERE worker_id = $1 AND verdict = ''`, other); n != 2 {
		t.Errorf("%d attempts of another worker are under way, want 2", n)
	}
}

// A claim whose answer got lost may commit while its invites are being returned.
func TestInvitesOfAClaimThatIsBeingCommittedAreReturned(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker := uuid.New()
	ids := b.queued(newRun(), store.BulkLane, 1)
	begun, commit, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- b.Tx(t.Context(), func(tx *store.Tx) error {
			err := tx.BeginAttempts(t.Context(), worker, []store.Attempt{{InviteID: ids[0], Number: 1, MessageID: "a"}}, now)
			close(begun)
			<-commit
			return err
		})
	}()
	<-begun
	returned := make(chan error, 1)
	go func() { returned <- b.ReturnUnsent(t.Context(), worker) }()
	testenv.Eventually(t, 10*time.Second, func() error {
		waiting := query[int](b,
			`SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
			WHERE datname = current_database() AND NOT granted`)
		if waiting == 0 && len(returned) == 0 {
			return errors.New("ReturnUnsent neither waits nor has ended")
		}
		return nil
	})
	close(commit)
	b.must(<-done)
	b.must(<-returned)
	if n := query[int](b, `SELECT count(*) FROM invites WHERE state = 'queued'`); n != 1 {
		t.Error("the invite was left as being sent")
	}
}
