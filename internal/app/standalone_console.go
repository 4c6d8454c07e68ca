package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/rs/zerolog"

	"portal-invites/internal/console"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/pages"
)

// consolePart is the console that a Standalone serves, for whoever sits at this machine.
type consolePart struct {
	URL  string // its address
	Link string // the link that lets the first browser in

	stop func() error
}

// openConsole serves the console until stop is called.
func (s Standalone) openConsole(ctx context.Context, log zerolog.Logger) (*consolePart, error) {
	settings := Console{ConsoleAddr: onLoopback(s.ConsolePort), Login: pages.ByLink, ClientURL: s.ClientURL}
	listener, err := settings.listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("STANDALONE_CONSOLE_PORT: %w", err)
	}
	cfg, err := settings.config(listener.Addr(), s.Broker, log)
	if err != nil {
		_ = listener.Close()
		return nil, UsageError{err}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- console.Serve(ctx, listener, cfg) }()
	part := &consolePart{URL: "http://" + listener.Addr().String(), stop: sync.OnceValue(func() error {
		cancel()
		return <-ended
	})}
	if l, is := cfg.Source.(*identity.Link); is {
		part.Link = l.URL()
	}
	return part, nil
}
