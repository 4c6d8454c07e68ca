package store_test

import (
	"context"
	"errors"
	"fmt"
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
			due, _, err := tx.LockDue(ctx, store.Queue{Lane: lane}, n, store.Turn{}, now)
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
		locked, _, err := tx.LockDue(ctx, store.Queue{Lane: store.IndividualLane}, 3, store.Turn{}, now)
		if rest := share(store.IndividualLane, 30); len(locked) != 3 || rest[uuid.NullUUID{}] != 2 {
			t.Errorf("%d are locked, %d are left", len(locked), rest[uuid.NullUUID{}])
		}
		return err
	})
	b.do(func(ctx context.Context, tx *store.Tx) error {
		early, _, err := tx.LockDue(ctx, store.Queue{Lane: store.IndividualLane}, 30, store.Turn{}, now.Add(-3*time.Second))
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
	b.ofFirm("lonely")
	for range 9 {
		b.queued(newRun(), store.BulkLane, 200)
	}
	turn := store.Turn{}
	of := func(n int) (its int) {
		b.do(func(ctx context.Context, tx *store.Tx) (err error) {
			var due []store.Invite
			due, turn, err = tx.LockDue(ctx, store.Queue{Lane: store.BulkLane}, n, turn, now)
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
	for range 20 {
		if first, second := of(1), of(1); first+second != 1 {
			t.Fatalf("of two single mails the firm with one run gets %d", first+second)
		}
	}
	if first, second := of(3), of(3); first+second != 3 {
		t.Errorf("of two claims for three mails the firm with one run gets %d and %d", first, second)
	}
}

// ofFirm makes all invites with the firm acme those of another firm.
func (b base) ofFirm(firm string) {
	b.Helper()
	_, err := b.db.Exec(b.Context(), `UPDATE invites SET firm_id = $1 WHERE firm_id = 'acme'`, firm)
	b.must(err)
}

// However many invites of one firm wait, another firm's invite leaves at its turn. That is so in both lanes, and also
// if there are more firms than mails may leave.
func TestClaimsTakeTurnsAmongFirms(t *testing.T) {
	t.Parallel()
	for _, lane := range []store.Lane{store.IndividualLane, store.BulkLane} {
		t.Run(string(lane), func(t *testing.T) {
			t.Parallel()
			b := open(t)
			run := func() uuid.NullUUID {
				if lane == store.BulkLane {
					return newRun()
				}
				return uuid.NullUUID{}
			}
			for firm, n := range map[string]int{"a": 300, "b": 1, "c": 40, "d": 2, "e": 40} {
				b.queued(run(), lane, n)
				b.ofFirm(firm)
			}
			other := store.IndividualLane
			if lane == other {
				other = store.BulkLane
			}
			b.queued(newRun(), other, 10)
			worker, turn := b.worker(), store.Turn{}
			claim := func(n int) string {
				shares := map[string]int{}
				b.do(func(ctx context.Context, tx *store.Tx) (err error) {
					var due []store.Invite
					if due, turn, err = tx.LockDue(ctx, store.Queue{Lane: lane}, n, turn, now); err != nil {
						return err
					}
					attempts := make([]store.Attempt, len(due))
					for i := range due {
						shares[due[i].FirmID]++
						attempts[i] = store.Attempt{InviteID: due[i].ID, Number: 1, MessageID: "m"}
					}
					return tx.BeginAttempts(ctx, worker, attempts, now)
				})
				return fmt.Sprint(shares)
			}
			for i, c := range []struct {
				n    int
				want string
			}{
				{2, "map[a:1 b:1]"}, {2, "map[c:1 d:1]"}, {2, "map[a:1 e:1]"}, // more firms than mails
				{4, "map[a:1 c:1 d:1 e:1]"},
				{30, "map[a:10 c:10 e:10]"},
				{31, "map[a:10 c:10 e:11]"}, {31, "map[a:11 c:10 e:10]"}, // the firm that begins gets one more
				{30, "map[a:10 c:8 e:7]"},
				{30, "map[a:30]"},
				{500, "map[a:226]"},
				{5, "map[]"},
			} {
				if got := claim(c.n); got != c.want {
					t.Errorf("claim %d for %d mails: %s, want %s", i, c.n, got, c.want)
				}
			}
		})
	}
}

// waitsOrEnded returns when a transaction has ended, or when n of them wait for a lock.
func (b base) waitsOrEnded(n int, what string, ended func() bool) {
	b.Helper()
	testenv.Eventually(b.T, time.Minute, func() error {
		waiting := query[int](b, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`)
		if waiting < n && !ended() {
			return errors.New(what + " neither waits nor has ended")
		}
		return nil
	})
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
	const past = "2001-01-01"
	all, none := store.Takeover{Invites: 2, Runs: 1, Events: 1}, store.Takeover{}
	for name, c := range map[string]struct {
		until string // the end of the worker's lease
		heirs string // the end of the heir's lease
		heir  store.Heir
		want  store.Takeover
		state string
	}{
		"from a worker that died":           {past, "infinity", store.Heir{Steady: true}, all, "queued"},
		"from a worker that died, and hold": {past, "infinity", store.Heir{Steady: true, Hold: true}, all, "queued"},
		"from a worker that may live":       {past, "infinity", store.Heir{}, none, "sending"},
		"without a lease of its own":        {past, past, store.Heir{Steady: true}, none, "sending"},
		"from a worker that stopped":        {"-infinity", past, store.Heir{}, all, "queued"},
		"from a worker that is alive":       {"infinity", "infinity", store.Heir{Steady: true}, none, "sending"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			worker, heir := b.worker(), c.heir
			heir.ID = b.worker()
			b.leaseUntil(heir.ID, c.heirs) // it takes nothing from itself
			b.busy(worker)
			b.leaseUntil(worker, c.until)
			took, err := b.TakeOver(t.Context(), heir)
			if err != nil || took != c.want {
				t.Errorf("took %+v, %v; want %+v", took, err, c.want)
			}
			if again, err := b.TakeOver(t.Context(), heir); err != nil || again.Anything() {
				t.Errorf("took again %+v, %v", again, err)
			}
			if n := query[int](b, `SELECT count(*) FROM invites WHERE state = $1`, c.state); n != 2 {
				t.Errorf("%d invites are %s", n, c.state)
			}
			if took.Anything() {
				unknown := query[int](b, `SELECT count(*) FROM attempts WHERE verdict = 'unknown' AND finished_at IS NOT NULL`)
				held := query[int](b, `SELECT count(*) FROM invites WHERE held_at IS NOT NULL AND next_attempt_at IS NULL`)
				if unknown != 2 || (held == 2) != heir.Hold || query[uuid.UUID](b, `SELECT worker_id FROM outbox`) != heir.ID {
					t.Errorf("%d attempts are unknown, %d invites held", unknown, held)
				}
				late := store.Attempt{Verdict: "delivered", Number: query[int](b, `SELECT min(attempt) FROM attempts`)}
				late.InviteID = query[uuid.UUID](b, `SELECT invite_id FROM attempts ORDER BY invite_id LIMIT 1`)
				b.must(b.Tx(t.Context(), func(tx *store.Tx) error {
					mine, err := tx.EndAttempts(t.Context(), worker, []store.Attempt{late}, time.Now())
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
	mine, other := b.worker(), b.worker()
	b.busy(mine)
	b.busy(other)
	b.must(b.Tx(t.Context(), func(tx *store.Tx) error { return tx.ReturnUnsent(t.Context(), mine, "") }))
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
	worker := b.worker()
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
	go func() {
		returned <- b.Tx(t.Context(), func(tx *store.Tx) error { return tx.ReturnUnsent(t.Context(), worker, "") })
	}()
	b.waitsOrEnded(1, "ReturnUnsent", func() bool { return len(returned) > 0 })
	close(commit)
	b.must(<-done)
	b.must(<-returned)
	if n := query[int](b, `SELECT count(*) FROM invites WHERE state = 'queued'`); n != 1 {
		t.Error("the invite was left as being sent")
	}
}

// Two workers that return invites at the same time do not wait for each other in a circle: whoever waits for the table
// has not locked it before.
func TestAWorkerThatWaitsForAttemptsHasNotLockedThem(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker := b.worker()
	held, err := b.db.Begin(t.Context())
	b.must(err)
	defer func() { _ = held.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = held.Exec(t.Context(), `LOCK TABLE attempts IN ROW EXCLUSIVE MODE`)
	b.must(err)
	returned := make(chan error, 1)
	go func() {
		returned <- b.Tx(t.Context(), func(tx *store.Tx) error { return tx.ReturnUnsent(t.Context(), worker, "") })
	}()
	b.waitsOrEnded(1, "ReturnUnsent", func() bool { return len(returned) > 0 })
	n := query[int](b, `SELECT count(*) FROM pg_locks WHERE granted AND relation = 'attempts'::regclass
		AND mode = 'RowExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	if n != 1 {
		t.Errorf("%d transactions have locked the table, want 1 (internal/store/workers.go)", n)
	}
	b.must(held.Rollback(t.Context()))
	if err := <-returned; err != nil {
		t.Logf("it gave up the lock: %v", err) // it waits for two seconds only
	}
}

// A worker may live although its lease has run out, and claim at the moment at which another worker takes over. The
// claim must not commit in the middle of that: its invite would be freed and its attempt would stay open, or the other
// way round.
func TestATakeOverAndAClaimExcludeEachOther(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker, heir := b.worker(), b.worker()
	b.busy(worker)
	next := b.queued(uuid.NullUUID{}, store.IndividualLane, 1)[0]
	b.leaseUntil(worker, "2001-01-01")

	// The take-over waits where it ends attempts.
	held, err := b.db.Begin(t.Context())
	b.must(err)
	defer func() { _ = held.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = held.Exec(t.Context(), `SELECT FROM attempts WHERE worker_id = $1 FOR UPDATE`, worker)
	b.must(err)
	tookOver := make(chan error, 1)
	go func() {
		_, err := b.TakeOver(t.Context(), store.Heir{ID: heir, Steady: true})
		tookOver <- err
	}()
	b.waitsOrEnded(1, "the take-over", func() bool { return len(tookOver) > 0 })
	claimed := make(chan error, 1)
	go func() {
		claimed <- b.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.BeginAttempts(t.Context(), worker, []store.Attempt{{InviteID: next, Number: 1, MessageID: "c"}}, now)
		})
	}()
	b.waitsOrEnded(2, "the claim", func() bool { return len(claimed) > 0 })
	b.must(held.Rollback(t.Context()))
	b.must(<-tookOver)
	if err := <-claimed; !errors.Is(err, store.ErrLeaseEnded) {
		t.Errorf("a claim beside a take-over: %v, want ErrLeaseEnded (internal/store/workers.go locks the row)", err)
	}
	if n := query[int](b, `SELECT count(*) FROM attempts a JOIN invites i USING (invite_id)
		WHERE a.verdict = '' AND (i.state <> 'sending' OR i.attempt <> a.attempt)`); n != 0 {
		t.Errorf("%d attempts are open although their invites are not being sent", n)
	}
}

// A take-over passes over a worker that is just writing a claim, and takes over from it the next time.
func TestATakeOverPassesOverAWorkerThatIsClaiming(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker, heir := b.worker(), store.Heir{ID: b.worker(), Steady: true}
	b.busy(worker)
	next := b.queued(uuid.NullUUID{}, store.IndividualLane, 1)[0]
	b.do(func(ctx context.Context, tx *store.Tx) error {
		err := tx.BeginAttempts(ctx, worker, []store.Attempt{{InviteID: next, Number: 1, MessageID: "c"}}, now)
		if err != nil {
			return err
		}
		if took, err := b.TakeOver(ctx, heir); err != nil || took.Anything() {
			t.Errorf("took %+v, %v", took, err)
		}
		return nil
	})
	b.leaseUntil(worker, "2001-01-01")
	if took, err := b.TakeOver(t.Context(), heir); err != nil || took.Invites != 3 {
		t.Errorf("took %+v, %v; want 3 invites", took, err)
	}
}

// The row of an invite may go elsewhere without the attempt's end: an older version of the worker did that. The result
// is kept, and the worker does not settle the invite. Otherwise it would try for ever.
func TestAnInviteThatWentElsewhereIsNotSettled(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker := b.worker()
	ids := b.queued(newRun(), store.BulkLane, 2)
	begun := []store.Attempt{{InviteID: ids[0], Number: 1, MessageID: "a"}, {InviteID: ids[1], Number: 1, MessageID: "b"}}
	b.do(func(ctx context.Context, tx *store.Tx) error { return tx.BeginAttempts(ctx, worker, begun, now) })
	_, err := b.db.Exec(t.Context(),
		`UPDATE invites SET state = 'queued', worker_id = NULL, next_attempt_at = now() WHERE invite_id = $1`, ids[0])
	b.must(err)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		for i := range begun {
			begun[i].Verdict = "delivered"
		}
		mine, err := tx.EndAttempts(ctx, worker, begun, now)
		if mine[ids[0]] != store.NotMine || mine[ids[1]] != store.Mine {
			t.Errorf("the worker settles %v, want only the one that it still has", mine)
		}
		return err
	})
	if n := query[int](b, `SELECT count(*) FROM attempts WHERE verdict = 'delivered'`); n != 2 {
		t.Errorf("%d results are on record, want 2", n)
	}
}

// A renewal says whether the lease lasted until then.
func TestARenewalSaysWhetherTheLeaseLasted(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker := uuid.New()
	for i, c := range []struct {
		kept  bool
		lasts time.Duration
	}{{false, time.Hour}, {true, time.Hour}, {true, -time.Second}, {false, time.Hour}} {
		r, err := b.Lease(t.Context(), worker, "w", c.lasts)
		if err != nil || r.Kept != c.kept {
			t.Errorf("renewal %d: kept %v, %v; want %v", i, r.Kept, err, c.kept)
		}
		if now := query[time.Time](b, `SELECT clock_timestamp()`); now.Before(r.At) || now.Sub(r.At) > time.Minute {
			t.Errorf("renewal %d was at %s, and now it is %s", i, r.At, now)
		}
	}
}
