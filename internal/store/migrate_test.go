package store_test

import (
	"context"
	"database/sql"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// empty returns the URL of a database without a schema.
func empty(t *testing.T) string {
	t.Helper()
	nothing := func(context.Context, string) error { return nil }
	return testenv.DatabaseOf(t, testenv.Schema{Files: fstest.MapFS{}, Migrate: nothing})
}

func TestManyWorkersMigrateAtTheSameTime(t *testing.T) {
	t.Parallel()
	url := empty(t)
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
	steps := migrations(t, empty(t))
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

// Before there was a column for it, a held invite was due in the year 9999. The migration holds these invites, and no
// others.
func TestHeldInvitesAreHeldAfterTheMigration(t *testing.T) {
	t.Parallel()
	url := empty(t)
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
