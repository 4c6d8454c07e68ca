package testenv

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests: call it from TestMain. It stops the PostgreSQL that the tests shared. Then it fails the
// run if goroutines are still running, except those that have one of the given functions on their stack.
func Main(m *testing.M, mayStay ...string) {
	os.Exit(run(m, mayStay))
}

func run(m *testing.M, mayStay []string) int {
	// A worker that runs within a test's process must not limit that process's memory (ADR 83).
	if err := os.Setenv("GOMEMLIMIT", "off"); err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		return 1
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: stop the shared PostgreSQL:", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code // A failed test may leave goroutines behind; its own error matters more.
	}
	var ignored []goleak.Option
	for _, function := range mayStay {
		ignored = append(ignored, goleak.IgnoreAnyFunction(function))
	}
	if err := goleak.Find(ignored...); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: goroutines left behind:", err)
		return 1
	}
	return 0
}
