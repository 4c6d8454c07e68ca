package testenv

import (
	"testing"

	"portal-invites/internal/store"
)

// Database returns the DATABASE_URL of a fresh database with the pipeline's
// schema, as DatabaseOf does. It refuses every change of a state that
// internal/store/states.go does not have, and a test in which it did fails.
//
// Tests inside package store itself can't import this package: they stand in
// package store_test.
func Database(tb testing.TB) string {
	tb.Helper()
	databaseURL := DatabaseOf(tb, Schema{Files: store.Migrations, Migrate: store.Migrate, ForTests: refuseUnknownSteps()})
	tb.Cleanup(func() { expectNoneRefused(tb, databaseURL) })
	return databaseURL
}
