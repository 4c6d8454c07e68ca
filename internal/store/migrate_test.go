package store_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

func TestManyWorkersMigrateAtTheSameTime(t *testing.T) {
	t.Parallel()
	url := testenv.EmptyDatabase(t)
	var group errgroup.Group
	for range 8 {
		group.Go(func() error { return store.Migrate(t.Context(), url) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Errorf("migrating again: %v", err)
	}
}

// migrations moves the schema of a database up and down.
func migrations(t *testing.T, url string) *goose.Provider {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	files, err := fs.Sub(store.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

// Every migration has a way down, and can be made again after that, so that a bad release can be taken back.
func TestEveryMigrationCanBeTakenBack(t *testing.T) {
	t.Parallel()
	steps := migrations(t, testenv.EmptyDatabase(t))
	for _, way := range []func() error{
		func() error { _, err := steps.Up(t.Context()); return err },
		func() error { _, err := steps.DownTo(t.Context(), 0); return err },
		func() error { _, err := steps.Up(t.Context()); return err },
	} {
		if err := way(); err != nil {
			t.Fatalf("internal/store/migrations: %v", err)
		}
	}
}

// A migration needs a table that a worker's transaction uses. It says so and lets other transactions pass. It is done
// once that transaction has ended.
func TestAMigrationWaitsForATableThatWorkersUse(t *testing.T) {
	t.Parallel()
	url := testenv.EmptyDatabase(t)
	if _, err := migrations(t, url).UpTo(t.Context(), 16); err != nil {
		t.Fatal(err)
	}
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	worker, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Rollback(context.WithoutCancel(t.Context())) }) // the pool waits for its connection
	const use = `SELECT count(*) FROM invites`
	if _, err := worker.Exec(t.Context(), use); err != nil {
		t.Fatal(err)
	}
	waits, done := make(chan string, 1000), make(chan error, 1)
	migrator := store.Migrator{URL: url, Waits: func(reason string, _ error) { waits <- reason }}
	go func() {
		_, err := migrator.Migrate(t.Context(), 0)
		done <- err
	}()
	select {
	case reason := <-waits:
		if reason != "migration 17 waits for a table that workers use; trying again until it is free" {
			t.Error(reason)
		}
	case err := <-done:
		t.Fatalf("the migration did not wait: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("nobody says that the migration waits")
	}
	// This would wait behind the migration's lock, if the migration did not give that up.
	if _, err := db.Exec(t.Context(), use); err != nil {
		t.Error(err)
	}
	if err := worker.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Pending migrations are listed without any change, and a migration can stop at one of them.
func TestMigrateUpToAVersion(t *testing.T) {
	t.Parallel()
	migrator := store.Migrator{URL: testenv.EmptyDatabase(t), Waits: func(string, error) {}}
	known, err := store.Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		does    func(context.Context, int64) ([]store.Migration, error)
		to      int64
		returns int
	}{
		{migrator.Pending, 0, len(known)},
		{migrator.Pending, known[3].Version, 4},
		{migrator.Migrate, known[3].Version, 4},
		{migrator.Migrate, known[3].Version, 0},
		{migrator.Pending, known[2].Version, 0},
		{migrator.Pending, 0, len(known) - 4},
		{migrator.Migrate, 0, len(known) - 4},
		{migrator.Pending, 0, 0},
	} {
		got, err := step.does(t.Context(), step.to)
		if err != nil || len(got) != step.returns {
			t.Errorf("to %d: %d migrations, %v; want %d", step.to, len(got), err, step.returns)
		}
	}
	if _, err := migrator.Migrate(t.Context(), 5); err == nil || !strings.Contains(err.Error(), "no migration 5") {
		t.Errorf("there is no migration 5: %v", err)
	}
	for _, one := range known {
		if one.Why == "" || one.SQL == "" || strings.Contains(one.Why, "--") {
			t.Errorf("%s is listed as %q", one.Name, one.Why)
		}
	}
}

// A worker runs on the schema of a newer version, unless one of the newer migrations requires that workers know it.
func TestWhichWorkersMayRunOnASchema(t *testing.T) {
	t.Parallel()
	b := open(t)
	known, err := store.Known()
	b.must(err)
	newest := known[len(known)-1].Version
	b.must(b.CheckSchema(t.Context()))
	_, err = b.db.Exec(t.Context(), `INSERT INTO migrations (migration, least_worker) VALUES ($1, $2)`, newest+1, newest)
	b.must(err)
	b.must(b.CheckSchema(t.Context()))
	_, err = b.db.Exec(t.Context(), `INSERT INTO migrations (migration, least_worker) VALUES ($1, $1)`, newest+2)
	b.must(err)
	want := store.SchemaAheadError{Least: newest + 2, Knows: newest}
	if err := b.CheckSchema(t.Context()); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

// A worker without rights to the schema says which migrations it waits for.
func TestASchemaThatLacksMigrations(t *testing.T) {
	t.Parallel()
	url := testenv.EmptyDatabase(t)
	s, err := store.Open(t.Context(), url, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	known, err := store.Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []int{0, 3, len(known) - 1} {
		if to > 0 {
			migrator := store.Migrator{URL: url, Waits: func(string, error) {}}
			if _, err := migrator.Migrate(t.Context(), known[to-1].Version); err != nil {
				t.Fatal(err)
			}
		}
		behind, ok := errors.AsType[store.SchemaBehindError](s.CheckSchema(t.Context()))
		if !ok || len(behind.Missing) != len(known)-to || behind.Missing[0] != known[to] {
			t.Errorf("after %d migrations: %v", to, behind)
		}
	}
}

// Each migration since 25 says which workers may run on it (ADR 96). Without its row, an older worker would run on a
// schema that it does not know.
func TestEveryMigrationSaysWhichWorkersMayRun(t *testing.T) {
	t.Parallel()
	url := testenv.EmptyDatabase(t)
	known, err := store.Known()
	if err != nil {
		t.Fatal(err)
	}
	steps := migrations(t, url)
	if _, err := steps.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	rows := func(version int64) (n int) {
		row := db.QueryRow(t.Context(), `SELECT count(*) FROM migrations WHERE migration = $1`, version)
		if err := row.Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, one := range slices.Backward(known) {
		if rows(one.Version) != 1 {
			t.Errorf("%s: its Up needs INSERT INTO migrations (migration, least_worker) VALUES (%d, 0), or another "+
				"number than 0 if older workers must not run on it; and its Down deletes the row", one.Name, one.Version)
		}
		if one.Version == 25 {
			return // it made the table
		}
		if _, err := steps.DownTo(t.Context(), one.Version-1); err != nil {
			t.Fatal(err)
		}
		if rows(one.Version) != 0 {
			t.Errorf("%s: its Down does not delete its row of the table migrations", one.Name)
		}
	}
}

// Before there was a column for it, a held invite was due in the year 9999. The migration holds these invites, and no
// others.
func TestHeldInvitesAreHeldAfterTheMigration(t *testing.T) {
	t.Parallel()
	url := testenv.EmptyDatabase(t)
	steps := migrations(t, url)
	if _, err := steps.UpTo(t.Context(), 16); err != nil {
		t.Fatal(err)
	}
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	held, waiting := uuid.New(), uuid.New()
	for id, due := range map[uuid.UUID]string{held: "9999-01-01Z", waiting: "2026-03-01 12:00Z"} {
		if _, err := db.Exec(t.Context(), `
			INSERT INTO invites (invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane,
				state, revision, reason, reasons, settled, person, name, email, email_normal, nonce, attempt,
				next_attempt_at, decided_at)
			VALUES ($1, $1, 'acme', 'c', 'k', '', '', 'invite', 'bulk',
				'queued', 0, '', '[]', false, 'contact:k', '', '', '', 1, 2, $2::text::timestamptz, now())`,
			id, due); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(t.Context(), `
		INSERT INTO attempts (invite_id, attempt, message_id, worker_id, started_at, finished_at, verdict)
		VALUES ($1, 2, 'm', $1, '2026-02-01 11:59Z', '2026-02-01 12:00Z', 'unknown')`, held); err != nil {
		t.Fatal(err)
	}
	check := func(id uuid.UUID, sql, want string) {
		t.Helper()
		var got string
		row := db.QueryRow(t.Context(), `SELECT concat_ws(', ', `+sql+`) FROM invites WHERE invite_id = $1`, id)
		if err := row.Scan(&got); err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	const columns = `state, 'due ' || (next_attempt_at AT TIME ZONE 'UTC')::text,
		'held ' || (held_at AT TIME ZONE 'UTC')::text`
	check(held, columns, "queued, held 2026-02-01 12:00:00")
	check(waiting, columns, "queued, due 2026-03-01 12:00:00")
	if _, err := steps.DownTo(t.Context(), 16); err != nil {
		t.Fatal(err)
	}
	check(held, `state, next_attempt_at = '9999-01-01Z'`, "queued, t")
	check(waiting, `state, (next_attempt_at AT TIME ZONE 'UTC')::text`, "queued, 2026-03-01 12:00:00")
}
