package testenv

import (
	"testing"

	"portal-invites/internal/store"
)

// Database returns the DATABASE_URL of a fresh database with the pipeline's
// schema, as DatabaseOf does.
//
// Tests inside package store itself can't import this package: they stand in
// package store_test.
func Database(tb testing.TB) string {
	tb.Helper()
	return DatabaseOf(tb, Schema{Files: store.Migrations, Migrate: store.Migrate})
}
