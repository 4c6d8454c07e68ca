package testkit

import (
	"testing"

	"pgregory.net/rapid"
)

// CheckOften checks a property four times as often as rapid.Check. It is for properties that need no database and are
// therefore cheap.
func CheckOften(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	for range 4 {
		rapid.Check(t, property)
	}
}
