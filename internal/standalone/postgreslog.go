package standalone

import (
	"bytes"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

const keptLogLines = 12

// serverLog passes a server's output on line by line, and keeps the last lines
// to explain a start that failed. Connections that end (FATAL) are everyday, so
// only what concerns the whole server reaches warn.
type serverLog struct {
	logger zerolog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		end := bytes.IndexByte(l.partial, '\n')
		if end < 0 {
			return len(p), nil
		}
		l.line(strings.TrimRight(string(l.partial[:end]), "\r ")) // a line that goes on begins with a tab
		l.partial = l.partial[end+1:]
	}
}

func (l *serverLog) line(text string) {
	l.last = append(l.last, text)
	if len(l.last) > keptLogLines {
		l.last = l.last[1:]
	}
	level := zerolog.DebugLevel
	if strings.HasPrefix(text, "WARNING:") || strings.HasPrefix(text, "PANIC:") {
		level = zerolog.WarnLevel
	}
	l.logger.WithLevel(level).Msg("postgres: " + text)
}

// tail is the last lines as one text.
func (l *serverLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}
