package standalone

import (
	"bytes"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

const keptLogLines = 12

// serverLog passes on a server's output line by line, and keeps the last lines to explain a failed start. Connections
// often end with FATAL, so only what concerns the whole server is logged as a warning.
type serverLog struct {
	logger zerolog.Logger

	mu      sync.Mutex // guards all below
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
		l.line(strings.TrimRight(string(l.partial[:end]), "\r ")) // a continued line begins with a tab
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
