package systemtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// roles are the two roles of deploy/postgres/roles.sql in a database of one test.
type roles struct{ superURL, ownerURL, workerURL string }

// makeRoles runs deploy/postgres/roles.sql. Roles belong to the whole server, so each test gives them other names.
func makeRoles(t *testing.T, databaseURL string) roles {
	t.Helper()
	content, err := os.ReadFile("../../deploy/postgres/roles.sql")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	number := rand.N(1_000_000_000)
	owner, worker := fmt.Sprintf("owner_%d", number), fmt.Sprintf("worker_%d", number)
	named := strings.NewReplacer("portal_owner", owner, "portal_worker", worker, "portal_invites", u.Path[1:])
	super := testenv.Superuser(t, databaseURL)
	execute(t, super, named.Replace(string(content)),
		fmt.Sprintf(`ALTER ROLE %s PASSWORD 'secret'`, owner), fmt.Sprintf(`ALTER ROLE %s PASSWORD 'secret'`, worker))
	as := func(role string) string {
		u.User = url.UserPassword(role, "secret")
		return u.String()
	}
	return roles{superURL: super, ownerURL: as(owner), workerURL: as(worker)}
}

func execute(t *testing.T, databaseURL string, scripts ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, script := range scripts {
		if _, err := conn.PgConn().Exec(t.Context(), script).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}

// The workers' user may only read and write rows. Another user owns the schema and migrates it, also after the rights
// were granted.
func TestWorkersWithoutRightsToTheSchema(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.useDatabase(testenv.EmptyDatabase(t))
	migrator := store.Migrator{URL: s.DatabaseURL, Waits: func(string, error) {}}
	const before = 17 // the tables of the first migrations belong to the user that the workers had
	if _, err := migrator.Migrate(s.Ctx, before); err != nil {
		t.Fatal(err)
	}
	roles := makeRoles(t, s.DatabaseURL)
	s.useDatabase(roles.superURL) // the user that the workers had owns nothing now
	asWorker := s.env.with("DATABASE_URL="+roles.workerURL, "MIGRATE=never")
	s.publishOffice(20)
	invites, bulk := run(t, asWorker, "invite-worker"), run(t, asWorker, "bulk-worker")
	invites.says("this worker does not migrate (MIGRATE=never); waiting until the schema is migrated")

	refused := run(t, s.env.with("DATABASE_URL="+roles.workerURL), "invite-worker", "migrate")
	if code := refused.exit(time.Minute); code != 1 || refused.log.Lines("use the owner of the schema") != 1 {
		t.Errorf("the workers' user migrates: %d", code)
	}
	starts := run(t, s.env.with("DATABASE_URL="+roles.workerURL, "MIGRATE=start"), "invite-worker")
	if code := starts.exit(time.Minute); code != 2 || starts.log.Lines("set MIGRATE=never") != 1 {
		t.Errorf("a worker without rights that migrates: %d", code)
	}
	asOwner := s.env.with("DATABASE_URL=" + roles.ownerURL)
	dry := run(t, asOwner, "invite-worker", "migrate", "--dry-run", "--sql")
	if code := dry.exit(time.Minute); code != 0 || dry.log.Lines("CREATE TABLE migrations") != 1 ||
		dry.log.Lines("would apply 00025_least_worker.sql: Which workers") != 1 {
		t.Errorf("exit code %d; it prints:\n%s", code, dry.log)
	}
	migrated := run(t, asOwner, "invite-worker", "migrate")
	if code := migrated.exit(time.Minute); code != 0 || migrated.log.Lines("applied 00025_least_worker.sql") != 1 {
		t.Fatalf("exit code %d", code)
	}

	invites.says("invite-worker is ready")
	bulk.says("bulk-worker is ready")
	s.Publish(events.BulkInviteRequested, testkit.BulkAll())
	bulk.awaitMails(s, 20)
	s.PublishAll(s.contact("new", "new@example.com"), s.client("c-new", "new"), s.invite("c-new", "new"))
	invites.awaitMails(s, 21)
	s.Settled()
	for _, p := range []*process{invites, bulk} {
		if code := p.stop(time.Minute); code != 0 || p.log.Lines("permission denied") != 0 {
			t.Errorf("%s: exit code %d; its log tells of %d missing rights", p.name, code, p.log.Lines("permission denied"))
		}
	}
	refuses(t, roles.workerURL, `CREATE TABLE mine (a int)`, `TRUNCATE invites`, `DROP TABLE invites`,
		`ALTER TABLE migrations ADD COLUMN mine int`, `CREATE INDEX ON invites (state)`, `CREATE SCHEMA mine`)
}

// refuses checks that a user may not run any of the statements.
func refuses(t *testing.T, databaseURL string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); !store.MayNot(err) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// useDatabase gives a scene another database.
func (s *scene) useDatabase(databaseURL string) {
	s.t.Helper()
	db, err := pgxpool.New(s.Ctx, databaseURL)
	s.Must(err)
	s.t.Cleanup(db.Close)
	s.DatabaseURL, s.DB = databaseURL, db
	s.env = s.env.with("DATABASE_URL=" + databaseURL)
}

// A newer version has migrated the schema, and its migration says that older workers must not run on it. A running
// worker stops, and no other one starts. Both say why.
func TestAWorkerThatIsTooOldForTheSchema(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := run(t, s.env, "bulk-worker")
	p.says("bulk-worker is ready")
	s.Exec(`INSERT INTO migrations (migration, least_worker) VALUES (9998, 0)`)
	run(t, s.env, "invite-worker").says("invite-worker is ready")
	s.Exec(`INSERT INTO migrations (migration, least_worker) VALUES (9999, 9999)`)
	const why = "the database's schema is for newer workers: they must know migration 9999"
	for _, p := range []*process{p, run(t, s.env, "bulk-worker"), run(t, s.env.with("MIGRATE=never"), "invite-worker")} {
		if code := p.exit(time.Minute); code != 2 || p.log.Lines(why) != 1 {
			t.Errorf("%s: exit code %d", p.name, code)
		}
	}
}
