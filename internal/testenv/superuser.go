package testenv

import (
	"net/url"
	"testing"
)

// Superuser returns the URL of a test's database for the server's superuser, who can make roles. A database's own user
// owns the schema, but can't.
func Superuser(tb testing.TB, databaseURL string) string {
	tb.Helper()
	server, err := shared.start()
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		tb.Fatal("testenv: the database's URL can't be parsed") // Not with the URL: it has a password.
	}
	super, err := url.Parse(server)
	if err != nil {
		tb.Fatal("testenv: the server's URL can't be parsed")
	}
	u.User = super.User
	return u.String()
}

// EmptyDatabase returns the URL of a database without a schema: see [DatabaseOf].
func EmptyDatabase(tb testing.TB) string {
	tb.Helper()
	return DatabaseOf(tb, nothing)
}
