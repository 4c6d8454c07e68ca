package testkit

import (
	"testing"

	"pgregory.net/rapid"
)

// CheckOften checks a property that needs no database, and so costs nothing, four times as often as others.
func CheckOften(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	for range 4 {
		rapid.Check(t, property)
	}
}
