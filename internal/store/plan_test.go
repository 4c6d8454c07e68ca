package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// withoutScans is a database whose planner prefers any index to reading a whole table. The tables are empty, so it
// would read them otherwise.
func withoutScans(t *testing.T) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(testenv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	db, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func planOf(t *testing.T, db *pgxpool.Pool, sql string, args ...any) string {
	t.Helper()
	rows, err := db.Query(t.Context(), "EXPLAIN "+sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

// A claim takes the first few invites of a queue that may be long. So it must find them in the order of its index.
func TestAClaimDoesNotSortTheQueue(t *testing.T) {
	t.Parallel()
	db := withoutScans(t)
	for sql, n := range map[string]int{store.DueInTurns: 3, store.AnyDue: 2} {
		text := planOf(t, db, sql, store.BulkLane, now, "", 10, "")
		scans := strings.Count(text, "using invites_in_turns")
		if scans != n || strings.Contains(text, "Seq Scan") || strings.Contains(text, "Sort Key: invites") {
			t.Errorf("invites are found by their index in %d of %d places:\n%s", scans, n, text)
		}
	}
}

// When a run begins, the statistics say that nothing is queued. A claim must not take another index then, and sort what
// is queued now. A firm's own queue is not searched among all that it ever sent (ADR 140).
func TestTheQueueIsReadByItsIndexesOnOldStatistics(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.queued(newRun(), store.BulkLane, 10_000)
	for _, sql := range []string{`UPDATE invites SET state = 'sent', next_attempt_at = NULL`, `VACUUM ANALYZE invites`} {
		_, err := b.db.Exec(t.Context(), sql)
		b.must(err)
	}
	for sql, n := range map[string]int{store.DueInTurns: 3, store.AnyDue: 2} {
		text := planOf(t, b.db, sql, store.BulkLane, now, "", 10, "")
		if strings.Count(text, "using invites_in_turns") != n || strings.Contains(text, "Sort Key: invites") {
			t.Errorf("invites are not found in the order of their index:\n%s", text)
		}
	}
	text := planOf(t, b.db, store.OnTheirWay, "acme")
	if !strings.Contains(text, "using invites_in_turns") || !strings.Contains(text, "using invites_being_sent") {
		t.Errorf("a firm's queue is not found by its indexes:\n%s", text)
	}
}

// Few invites are held, and a query finds them without reading the others.
func TestHeldInvitesHaveIndexesOfTheirOwn(t *testing.T) {
	t.Parallel()
	db := withoutScans(t)
	for sql, args := range map[string][]any{
		store.HeldPage: {store.BulkLane, uuid.Nil, 10},
		store.HeldNow:  {"acme", nil, nil, uuid.Nil, 10},
	} {
		if text := planOf(t, db, sql, args...); !strings.Contains(text, "invites_held") {
			t.Errorf("held invites are not found by an index of their own:\n%s", text)
		}
	}
}

// A migration can't use a constant of the code. So this test compares the limit in the index of reminders with the
// code's.
func TestRemindersHaveAnIndexUpToTheirLimit(t *testing.T) {
	t.Parallel()
	db := withoutScans(t)
	var index string
	if err := db.QueryRow(t.Context(), `SELECT pg_get_indexdef('access_to_remind'::regclass)`).Scan(&index); err != nil {
		t.Fatal(err)
	}
	if limit := fmt.Sprintf("(reminders < %d)", store.MaxReminders); !strings.Contains(index, limit) {
		t.Errorf("the index is %s, want %s in it: a migration in internal/store/migrations makes it anew", index, limit)
	}
	if text := planOf(t, db, store.RemindersDue(), now, 10); !strings.Contains(text, "access_to_remind") {
		t.Errorf("due reminders are not found by their index:\n%s", text)
	}
}

// A plan that was made while a table was empty must not last until the next autovacuum.
func TestPlansAreKeptForAWhileOnly(t *testing.T) {
	t.Parallel()
	b, err := store.Open(t.Context(), testenv.Database(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	watcher, err := b.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Release()
	// use takes the other connection, and returns the last statement that the pool ran on it before. Then it sets the age
	// of the connection's plans.
	use := func(age time.Duration) (did string) {
		t.Helper()
		conn, err := b.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
		pg := conn.Conn().PgConn()
		last := watcher.QueryRow(t.Context(), `SELECT query FROM pg_stat_activity WHERE pid = $1`, pg.PID())
		if err := last.Scan(&did); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT 'some work'"); err != nil {
			t.Fatal(err)
		}
		pg.CustomData()[store.PlannedAt] = time.Now().Add(-age)
		return did
	}
	use(-time.Hour) // the plans were made an hour in the future
	if did := use(store.KeepPlans); did == "DISCARD PLANS" {
		t.Error("plans that were just made are discarded")
	}
	if did := use(0); did != "DISCARD PLANS" {
		t.Errorf("old plans are kept; the last statement was %s", did)
	}
}
