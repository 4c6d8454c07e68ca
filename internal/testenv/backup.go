package testenv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// BackUp copies a test's database as it is now. restore puts the copy in its place. Both end every connection to the
// database, as a server does that is stopped, so workers may run meanwhile. The copy may be restored several times.
func BackUp(tb testing.TB, databaseURL string) (restore func()) {
	tb.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		tb.Fatal("testenv: the database's URL can't be parsed") // Not with the URL: it has a password.
	}
	name := pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()
	owner := pgx.Identifier{u.User.Username()}.Sanitize()
	backup := fmt.Sprintf("backup_%x", rand.Uint64())
	asSuperuser(tb,
		fmt.Sprintf(`ALTER DATABASE %s ALLOW_CONNECTIONS false`, name),
		fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'`,
			strings.TrimPrefix(u.Path, "/")),
		fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s`, backup, name),
		fmt.Sprintf(`ALTER DATABASE %s ALLOW_CONNECTIONS true`, name),
	)
	tb.Cleanup(func() { asSuperuser(tb, fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, backup)) })
	return func() {
		tb.Helper()
		asSuperuser(tb,
			fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, name),
			fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s OWNER %s`, name, backup, owner),
		)
	}
}

// asSuperuser runs statements on the server of the tests' databases.
func asSuperuser(tb testing.TB, statements ...string) {
	tb.Helper()
	server, err := shared.start()
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	ctx := context.Background() //nolint:usetesting // t.Context ends before Cleanup removes the copy
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		tb.Fatalf("testenv: connect to the server: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			tb.Fatalf("testenv: %s: %v", statement, err)
		}
	}
}
