package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how many events are published, if the output is a terminal.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(w io.Writer, total int) progress {
	file, ok := w.(*os.File)
	if !ok || total < 2 || !term.IsTerminal(int(file.Fd())) {
		return progress{progressbar.DefaultSilent(int64(total))}
	}
	return progress{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("publishing"),
		progressbar.OptionSetItsString("events"),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// add and done only draw. If the terminal is gone, publishing continues.
func (p progress) add(n int) { _ = p.bar.Add(n) }

func (p progress) done() { _ = p.bar.Exit() }
