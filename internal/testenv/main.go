package testenv

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests: call it from TestMain. It stops the PostgreSQL
// that tests shared, then fails the run if a goroutine was left behind.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: stop the shared PostgreSQL:", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code // A failed test may well have left something: that is not the news.
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: goroutines left behind:", err)
		return 1
	}
	return 0
}
