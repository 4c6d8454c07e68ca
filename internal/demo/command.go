package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"portal-invites/internal/app"
)

// Command is the command line of the demo.
type Command struct {
	Data string `name:"demo-data" placeholder:"DIR" help:"Folder for the demo's data, emptied first; if not given, a new one below the temporary folder."`
}

// limit is the longest time that the whole demo may take.
const limit = 2 * time.Minute

// BeforeReset is what kong calls before it reads the environment, which the demo ignores: it must not touch a broker or
// a database that the shell names.
func (Command) BeforeReset(k *kong.Kong) error {
	if err := app.ForgetEnvironment(k.Model); err != nil {
		return fmt.Errorf("ignore the environment: %w", err)
	}
	return nil
}

// Run is what kong calls.
func (c Command) Run(ctx context.Context, s app.Streams) error {
	began := time.Now()
	dir, lock, err := c.folder()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }()
	fmt.Fprintf(s.Out, "Starting a broker, a database, a mail catcher and the workers in\n%s ...\n", dir)
	if err := run(ctx, s, dir); err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	fmt.Fprintf(s.Out, closing, time.Since(began).Seconds(), dir)
	return nil
}

const closing = `
That took %.1f s. What next?

  A pipeline of your own, and a first event:
    make run, then "A first event of your own" in README.md

  The console with the demo's runs, and its mails (Ctrl-C stops it):
    ./bin/standalone --data %s
  It prints a link to the console at http://127.0.0.1:8026. The mails are at
  http://127.0.0.1:8025.
`

// run runs the demo in a folder that the caller has locked.
func run(ctx context.Context, s app.Streams, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	serveCtx, stop := context.WithCancel(ctx)
	defer stop()
	shown := errors.New("the workers did not start")
	ended := make(chan struct{})
	log := app.Log{Level: "error", Format: "auto"}
	err := app.ForDemo(dir, log).ServeLocked(serveCtx, s.Err, func(running app.Standalone, parts *app.Parts) error {
		go func() {
			defer close(ended)
			defer stop()
			shown = show(ctx, s.Out, running, parts)
		}()
		return nil
	})
	stop()
	if err != nil {
		return err
	}
	<-ended
	return shown
}
