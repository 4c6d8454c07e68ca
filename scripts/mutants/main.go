// Command mutants breaks the code on purpose, with one patch of testdata/mutants at a time. It says whether the
// compiler, the linter or a test finds the patch, and whether the message names the place to change.
//
//	go run ./scripts/mutants                  # every mutant; exit code 1 if one is not found as its header says
//	go run ./scripts/mutants dropped          # the mutants whose names contain "dropped"
//	go run ./scripts/mutants -check           # apply and compile every patch; run the mutants with `ci: yes`
//	go run ./scripts/mutants -edit NAME       # copy the tree and apply the patch, as far as it applies
//	go run ./scripts/mutants -record NAME     # write the patch from that copy; a new name makes a new patch
//
// testdata/mutants/README.md describes a patch file. The command needs Go and git, the linter of `make lint`, and
// PostgreSQL's programs in PATH. It works on a copy of the tree in .cache/mutants, with the changes that are not
// committed yet.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
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

// tool has what every mode of the command needs.
type tool struct {
	root    string          // of the repository
	patches string          // folder of the patches
	work    string          // folder of the copies
	linter  string          // program of golangci-lint
	seeds   map[finder]bool // whether each seed passes without a bug
	out     io.Writer
}

// run runs the command. It returns an error if a mutant is not found as its header says.
func run(ctx context.Context, args []string, out io.Writer) error {
	t := tool{out: out, seeds: map[finder]bool{}}
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.StringVar(&t.root, "root", ".", "folder of the repository")
	flags.StringVar(&t.linter, "linter", "golangci-lint", "program of golangci-lint")
	check := flags.Bool("check", false, "apply and compile every patch, and run only the mutants with `ci: yes`")
	edit := flags.String("edit", "", "copy the tree and apply this patch")
	record := flags.String("record", "", "write this patch from the copy")
	err := flags.Parse(args)
	if err != nil {
		return err
	}
	if t.root, err = filepath.Abs(t.root); err != nil {
		return err
	}
	if strings.Contains(t.linter, "/") { // the linter runs in the copy of the tree, so its path must be absolute
		if t.linter, err = filepath.Abs(t.linter); err != nil {
			return err
		}
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
	mutants := selectMutants(patches, flags.Args())
	if len(mutants) == 0 {
		return fmt.Errorf("no mutant of testdata/mutants has such a name: %q", flags.Args())
	}
	return t.runAll(ctx, tree, mutants)
}

// check applies every patch alone and compiles them together. Then it runs the mutants with `ci: yes`.
func (t tool) check(ctx context.Context, tree *tree, patches []patch) error {
	var marked []mutant
	for _, p := range patches {
		for _, m := range p.mutants() {
			if m.ci {
				marked = append(marked, m)
			}
		}
	}
	if err := compileAll(ctx, tree, patches); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "All %d patches of testdata/mutants apply and compile. The mutants with `ci: yes`:\n", len(patches))
	return t.runAll(ctx, tree, marked)
}

// runAll runs the mutants and prints a row for each. It returns an error if a mutant has a problem.
func (t tool) runAll(ctx context.Context, tree *tree, mutants []mutant) error {
	report := newReport(t.out, mutants)
	for _, m := range mutants {
		r, err := t.try(ctx, tree, m)
		if err != nil {
			return err
		}
		report.add(r)
	}
	if n := report.problems; n > 0 {
		return fmt.Errorf("%d of %d mutants are not found as testdata/mutants says", n, len(mutants))
	}
	return ctx.Err()
}
