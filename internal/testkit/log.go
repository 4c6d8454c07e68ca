package testkit

import (
	"bytes"
	"strings"
	"sync"
)

// Log keeps what workers say, for a test to read and for the report of one that failed. Its zero value is ready, for any number
// of writers at once.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
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

// Lines counts the lines that have all of these parts in them.
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
