package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"portal-invites/internal/app"
)

// Command is the command line of the demo.
type Command struct {
	Data string `name:"demo-data" placeholder:"DIR" help:"Folder for the demo's data, emptied first; one of its own below the temporary folder if not given."`
}

// limit is how long the whole demo may take before it gives up.
const limit = 2 * time.Minute

// Run is what kong calls.
func (c Command) Run(ctx context.Context, s app.Streams) error {
	began := time.Now()
	dir, err := c.folder()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	shown := errors.New("the demo did not begin")
	serveCtx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	log := app.Log{Level: "error", Format: "auto"}
	err = app.ForDemo(dir, log).Serve(serveCtx, s.Err, func(running app.Standalone, parts *app.Parts) error {
		go func() {
			defer close(ended)
			defer stop()
			shown = show(ctx, s.Out, running, parts)
		}()
		return nil
	})
	stop()
	if err == nil {
		<-ended
		err = shown
	}
	if err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	fmt.Fprintf(s.Out, "\nThat took %.1f s. All mails lie in %s\nRead them in a browser:  ./bin/standalone --data %s\n",
		time.Since(began).Seconds(), filepath.Join(dir, "mail"), dir)
	return nil
}

// marker keeps the demo from emptying a folder that is not its own.
const marker = "made-by-portal-invites-demo"

func (c Command) folder() (string, error) {
	dir := c.Data
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "portal-invites-demo-"+strconv.Itoa(os.Getuid()))
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return "", app.Usagef("--demo-data: %w", err)
	case len(entries) > 0:
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return "", app.Usagef("--demo-data: %s is not empty, and not from an earlier demo: choose another folder", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", fmt.Errorf("empty the demo's folder: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o711); err != nil { //nolint:gosec // the database's user must get through
		return "", fmt.Errorf("make the demo's folder: %w", err)
	}
	return dir, os.WriteFile(filepath.Join(dir, marker), nil, 0o600)
}
