// Command mutants breaks the code on purpose, one patch of testdata/mutants at a time, and says who finds it: the compiler, a linter
// or a test, and whether the message names the place that must be changed next.
//
//	go run ./scripts/mutants                  # each mutant; exit code 1 if one is not found as its header says
//	go run ./scripts/mutants dropped          # those whose names have "dropped" in them
//	go run ./scripts/mutants -check           # every patch is applied and compiled; only the worst mutants (`ci: yes`) are run
//	go run ./scripts/mutants -edit NAME       # a copy of the tree with the patch applied, as far as it can be
//	go run ./scripts/mutants -record NAME     # the patch, written anew from that copy; a new name makes a new patch
//
// testdata/mutants/README.md says what a patch file looks like. It needs Go and git, the linter of `make lint`, and PostgreSQL's
// programs in PATH. It works on a copy of the tree in .cache/mutants, with whatever is not committed yet.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// tool is what every way of calling it needs.
type tool struct {
	root    string // of the repository
	patches string // the folder of the patches
	work    string // the folder of the copies
	linter  string // the program of golangci-lint
	out     io.Writer
}

// run does what the arguments ask for. It is an error if a mutant is not found as its header says.
func run(ctx context.Context, args []string, out io.Writer) error {
	t := tool{out: out}
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.StringVar(&t.root, "root", ".", "folder of the repository")
	flags.StringVar(&t.linter, "linter", "golangci-lint", "program of golangci-lint")
	check := flags.Bool("check", false, "apply and compile every patch, and run the worst ones only")
	edit := flags.String("edit", "", "make a copy of the tree with this patch applied")
	record := flags.String("record", "", "write this patch anew from that copy")
	err := flags.Parse(args)
	if err != nil {
		return err
	}
	if t.root, err = filepath.Abs(t.root); err != nil {
		return err
	}
	t.patches, t.work = filepath.Join(t.root, "testdata", "mutants"), filepath.Join(t.root, ".cache", "mutants")
	switch {
	case *edit != "":
		return t.edit(ctx, *edit)
	case *record != "":
		return t.record(ctx, *record)
	}
	patches, err := readPatches(t.patches)
	if err != nil {
		return err
	}
	tree, err := copyTree(ctx, t.root, filepath.Join(t.work, "tree"))
	if err != nil {
		return err
	}
	if *check {
		return t.check(ctx, tree, patches)
	}
	mutants := named(patches, flags.Args())
	if len(mutants) == 0 {
		return fmt.Errorf("no mutant of testdata/mutants is called so: %q", flags.Args())
	}
	return t.runAll(ctx, tree, mutants)
}

// check applies every patch alone and compiles them together, then runs those that are marked for CI.
func (t tool) check(ctx context.Context, tree *tree, patches []patch) error {
	var worst []mutant
	for _, p := range patches {
		for _, m := range p.mutants() {
			if m.ci {
				worst = append(worst, m)
			}
		}
	}
	if err := compileAll(ctx, tree, patches); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "All %d patches of testdata/mutants apply and compile. The worst of their mutants:\n", len(patches))
	return t.runAll(ctx, tree, worst)
}

// runAll runs the mutants, prints a line for each as it comes, and at the end what is wrong.
func (t tool) runAll(ctx context.Context, tree *tree, mutants []mutant) error {
	report := newReport(t.out, mutants)
	for _, m := range mutants {
		v, err := t.judge(ctx, tree, m)
		if err != nil {
			return err
		}
		report.add(v)
	}
	if wrong := report.wrong; wrong > 0 {
		return fmt.Errorf("%d of %d mutants are not found as testdata/mutants says", wrong, len(mutants))
	}
	return ctx.Err()
}
