// Package console is a web page for a firm's office and for operators. It uses the services over NATS, and nothing
// else: it has no database.
//
// Its rooms: identity says who sends a request; line keeps a connection to the broker for each credential; live tells
// browsers that something has happened; words has every text; pages has the pages.
package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"portal-invites/internal/console/pages"
)

// Serve serves the console on a listener until the context ends.
func Serve(ctx context.Context, listener net.Listener, cfg pages.Config) error {
	site, err := pages.New(cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: site, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	var parts sync.WaitGroup
	// Connections are closed last: until then, a page or a reader that goes on would make a new one, which nobody closes.
	lines, closeLines := context.WithCancel(context.WithoutCancel(ctx))
	parts.Go(func() { cfg.Lines.Run(lines) })
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		site.Close() // streams end by themselves only after minutes
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		err = server.Shutdown(stopping)
		cancel()
		if err != nil {
			err = server.Close()
		}
		err = errors.Join(err, <-served)
	}
	site.Close()
	closeLines()
	parts.Wait()
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the console: %w", err)
}

// stopWithin is how long requests may go on after the console was asked to stop.
const stopWithin = 5 * time.Second
