package testenv

import (
	"net"
	"strconv"
	"testing"
)

// FreeAddress returns a host:port of this machine on which nothing listens.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
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
