package testkit

import (
	"bytes"
	"strings"
	"sync"
)

// Log keeps what workers log, for a test to read and for the report of a failed test. The zero value is ready to use.
// Any number of goroutines may use a Log at once.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines counts the lines that contain all of these parts.
func (l *Log) Lines(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			n++
		}
	}
	return n
}
