package testenv

import (
	"testing"
	"time"
)

const pollInterval = 10 * time.Millisecond

// Eventually runs condition until it returns nil, or fails the test with its last error. Use it only if there is no
// signal to wait for.
func Eventually(tb testing.TB, timeout time.Duration, condition func() error) {
	tb.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			tb.Fatalf("not within %s: %v", timeout, err)
		}
	}
}
