package testenv

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreeAddress returns a host:port of this machine on which nothing listens. Linux and macOS give other ports to
// programs that ask for any port, so no other test gets this one before the caller listens on it.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const lowest, count, tries = 10_000, 20_000, 100
	for range tries {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.N(count)))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			_ = listener.Close()
			return address
		}
	}
	tb.Fatalf("testenv: something listens on each of %d ports that were tried", tries)
	return ""
}

// SplitAddress splits a host:port, for settings that want the two separately.
func SplitAddress(tb testing.TB, address string) (host string, port int) {
	tb.Helper()
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	return host, port
}
