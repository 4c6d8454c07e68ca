package testenv

import (
	"context"
	"database/sql"
	"io/fs"
	"net/url"
	"testing"
	"testing/fstest"

	_ "github.com/jackc/pgx/v5/stdlib" // The driver "pgx" that pgtestdb opens.
	"github.com/peterldowns/pgtestdb"
	"github.com/peterldowns/pgtestdb/migrators/common"
)

// Schema says what a fresh database has.
type Schema struct {
	// Files are the migrations. Schemas with the same content share a template.
	Files fs.FS
	// Migrate brings the empty database at that URL up to date. It must have closed its connections when it returns, or
	// the database can't be cloned.
	Migrate func(ctx context.Context, databaseURL string) error
	// ForTests is SQL that runs after the migrations. It adds what only the databases of tests have.
	ForTests string
}

// nothing is the schema of an empty database.
var nothing = Schema{Files: fstest.MapFS{}, Migrate: func(context.Context, string) error { return nil }}

// DatabaseOf returns the DATABASE_URL of a fresh database with that schema, cloned from a template that was migrated
// once. The database is dropped after the test, which must have closed its connections by then. If the test failed, the
// database is kept, and its URL is in the test's log.
func DatabaseOf(tb testing.TB, schema Schema) string {
	tb.Helper()
	server, err := shared.start()
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	config := configOf(tb, server)
	return pgtestdb.Custom(tb, config, migrator{schema}).URL()
}

func configOf(tb testing.TB, server string) pgtestdb.Config {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatal("testenv: the server's URL can't be parsed") // Not with the URL: it has a password.
	}
	password, _ := u.User.Password()
	return pgtestdb.Config{
		DriverName: "pgx",
		Host:       u.Hostname(),
		Port:       u.Port(),
		User:       u.User.Username(),
		Password:   password,
		Database:   u.Path[1:],
		Options:    u.RawQuery,
	}
}

// migrator makes a migrator for pgtestdb from a Schema.
type migrator struct{ schema Schema }

func (m migrator) Hash() (string, error) {
	hash := common.NewRecursiveHash()
	err := fs.WalkDir(m.schema.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		hash.AddField("path", path)
		return hash.AddFiles(m.schema.Files, path)
	})
	hash.AddField("for tests", m.schema.ForTests)
	return hash.String(), err
}

func (m migrator) Migrate(ctx context.Context, db *sql.DB, config pgtestdb.Config) error {
	if err := m.schema.Migrate(ctx, config.URL()); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, m.schema.ForTests)
	return err
}
