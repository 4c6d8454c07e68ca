// Command model checks the models of docs/model with spin. In each model, every property must hold in every state. Each
// mutation of a model must break the property that its header names.
//
//	go run ./scripts/model             # every model and every mutation; exit code 1 if one is not as its header says
//	go run ./scripts/model sending     # the models whose names contain "sending"
//
// docs/model/README.md describes a model's header. The command needs spin and a C compiler: scripts/ensure-spin.sh. It
// works in .cache/model, where a trail stays if a property does not hold.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

// run checks the models. It returns an error if one is not as its header says.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("model", flag.ContinueOnError)
	root := flags.String("root", ".", "folder of the repository")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "docs/model/*.pml"))
	if err != nil {
		return err
	}
	var checks []check
	for _, file := range files {
		m, err := readModel(file)
		if err != nil {
			return err
		}
		if wanted(m.name, flags.Args()) {
			checks = append(checks, m.checks(filepath.Join(folder, ".cache/model"))...)
		}
	}
	if len(checks) == 0 {
		return fmt.Errorf("no model of docs/model has such a name: %q", flags.Args())
	}
	return runAll(ctx, checks, out)
}

func wanted(name string, words []string) bool {
	return len(words) == 0 ||
		slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
}

// runAll runs the checks, as many at a time as there are processors, and prints a row for each, in their order.
func runAll(ctx context.Context, checks []check, out io.Writer) error {
	done := make([]chan result, len(checks))
	var running errgroup.Group
	running.SetLimit(runtime.NumCPU())
	for i := range checks {
		done[i] = make(chan result, 1)
	}
	go func() {
		for i, c := range checks {
			running.Go(func() error { done[i] <- c.run(ctx); return nil })
		}
	}()
	problems := 0
	fmt.Fprintf(out, "| %-8s | %-24s | %-40s | %9s | %7s |\n", "model", "mutation", "result", "states", "seconds")
	for i, c := range checks {
		r := <-done[i]
		said := r.said
		if r.problem != "" {
			problems++
			said = "NO: " + r.problem
		}
		fmt.Fprintf(out, "| %-8s | %-24s | %-40s | %9s | %7.1f |\n", c.model.name, c.mutation.name, said, r.states,
			r.took.Seconds())
		if r.problem != "" {
			fmt.Fprintf(out, "\n%s\n\n", r.output)
		}
	}
	if problems > 0 {
		return fmt.Errorf("%d of %d checks are not as docs/model says", problems, len(checks))
	}
	return ctx.Err()
}
