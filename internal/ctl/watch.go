package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// errStopped says that a person or a time limit ended the waiting. The run goes on.
var errStopped = errors.New("stopped waiting; the run goes on")

// watchRun follows the outcomes about one run until the run has completed, and returns the last one. It calls each for
// every one of them.
func watchRun(ctx context.Context, j journal, isRun func(outcome) bool, each func(outcome) error) (outcome, error) {
	var completed outcome
	err := j.read(ctx, true, func(o outcome) error {
		if !isRun(o) {
			return nil
		}
		if err := each(o); err != nil {
			return err
		}
		if o.Type == events.RunCompleted {
			completed = o
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && ctx.Err() == nil:
		return completed, err
	case completed.Type == "":
		return completed, errStopped
	default:
		return completed, nil
	}
}

// longestWait is how long a command waits for a run without --timeout. A script must not hang because a mail server is
// down.
const longestWait = time.Hour

// within limits a context; with no limit given, to longestWait.
var errTimeout = errors.New("--timeout: must be above zero (example: 10m)")

func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(limit, longestWait))
}

// bar shows a person at a terminal how far a run has come. It shows nothing anywhere else.
type bar struct{ bar *progressbar.ProgressBar } // nil: not a terminal

func newBar(w io.Writer) bar {
	if _, ok := terminal(w); !ok {
		return bar{}
	}
	return bar{progressbar.NewOptions(1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("waiting for a worker"),
		progressbar.OptionSetItsString("contacts"),
		progressbar.OptionSetWidth(20),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// show ignores errors: if the terminal is gone, the command goes on. The selection grows while the run still walks it.
func (b bar) show(selected, sent, skipped, failed, pending int) {
	if b.bar == nil {
		return
	}
	b.bar.ChangeMax(max(selected, 1))
	_ = b.bar.Set(selected - pending)
	b.bar.Describe(sums(sent, skipped, failed, pending))
}

func (b bar) done() {
	if b.bar != nil {
		_ = b.bar.Exit()
	}
}

// printSums prints what became of a run, in numbers and by reason.
func printSums(w io.Writer, run api.Run) {
	fmt.Fprintf(w, "%d selected = %d sent + %d skipped + %d failed + %d pending\n",
		run.Selected, run.Sent, run.Skipped, run.Failed, run.Pending)
	printReasons(w, run)
}
