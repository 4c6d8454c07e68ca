package testenv

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests: call it from TestMain. It stops the PostgreSQL that the tests shared. Then it fails the
// run if goroutines are still running.
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
		return code // A failed test may leave goroutines behind; its own error matters more.
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: goroutines left behind:", err)
		return 1
	}
	return 0
}
