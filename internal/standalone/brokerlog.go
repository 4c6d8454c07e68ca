package standalone

import (
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// brokerLog passes on the server's log lines. Its notices are a page of start-up banner, so they go to debug. What an
// operator should see goes to warn.
type brokerLog struct {
	logger zerolog.Logger

	mu    sync.Mutex
	fatal error // the first failure, under mu
}

func (l *brokerLog) Noticef(format string, v ...any) { l.logger.Debug().Msgf("nats: "+format, v...) }
func (l *brokerLog) Debugf(format string, v ...any)  { l.logger.Trace().Msgf("nats: "+format, v...) }
func (l *brokerLog) Tracef(format string, v ...any)  { l.logger.Trace().Msgf("nats: "+format, v...) }
func (l *brokerLog) Warnf(format string, v ...any)   { l.logger.Warn().Msgf("nats: "+format, v...) }
func (l *brokerLog) Errorf(format string, v ...any)  { l.logger.Warn().Msgf("nats: "+format, v...) }

// Fatalf keeps the first failure. The server's own logger would end the process, which only our caller may decide.
func (l *brokerLog) Fatalf(format string, v ...any) {
	l.logger.Warn().Msgf("nats: "+format, v...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = fmt.Errorf(format, v...)
	}
}

func (l *brokerLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
