package testenv

import (
	"testing"

	"portal-invites/internal/store"
)

// Database returns the DATABASE_URL of a fresh database with the pipeline's schema: see [DatabaseOf]. The database
// refuses every change of a state that internal/store/states.go does not have, and fails the test if it had to refuse
// one.
//
// Tests in package store can't import this package. They are in package store_test.
func Database(tb testing.TB) string {
	tb.Helper()
	databaseURL := DatabaseOf(tb, Schema{Files: store.Migrations, Migrate: store.Migrate, ForTests: refuseUnknownSteps()})
	tb.Cleanup(func() { expectNoneRefused(tb, databaseURL) })
	return databaseURL
}
