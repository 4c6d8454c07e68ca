package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// result says whether a mutant was found as its header says.
type result struct {
	mutant
	problem string // the difference from the header; "" if there is none
	output  string // of the last check that ran
	took    time.Duration
}

// try applies a mutant and runs the check that must find it. Its error means that the tool failed, not the mutant.
func (t tool) try(ctx context.Context, tree *tree, m mutant) (result, error) {
	begin, r := time.Now(), result{mutant: m}
	err := tree.reset(ctx)
	if err == nil {
		r.problem, r.output, err = t.withoutBug(ctx, tree, m.by)
	}
	if err != nil || r.problem != "" {
		return r, err
	}
	if err := tree.apply(ctx, m); err != nil {
		return r, err
	}
	if m.complete {
		r.problem, r.output, err = t.tryComplete(ctx, tree, m.patch)
	} else {
		r.problem, r.output, err = t.tryBroken(ctx, tree, m)
	}
	r.took = time.Since(begin)
	return r, err
}

// withoutBug runs the seed that must find a bug on the tree without the bug, once for each seed. A seed that fails
// there finds nothing. Other checks pass in `make test`, so they are not run twice.
func (t tool) withoutBug(ctx context.Context, tree *tree, f finder) (problem, output string, err error) {
	if f.kind != byTest || !strings.HasPrefix(f.test, "TestSeed") {
		return "", "", nil
	}
	passed, known := t.seeds[f]
	if !known {
		if passed, output, err = t.passes(ctx, tree, f); err != nil {
			return "", output, err
		}
		t.seeds[f] = passed
	}
	if !passed {
		return "fails without the bug as well: " + f.test, output, nil
	}
	return "", "", nil
}

// tryBroken runs the check that must fail. Its message must name the place.
func (t tool) tryBroken(ctx context.Context, tree *tree, m mutant) (problem, output string, err error) {
	if m.by.kind == byNobody {
		return "", "", nil
	}
	passed, output, err := t.passes(ctx, tree, m.by)
	switch {
	case err != nil:
		return "", output, err
	case passed:
		return "nobody finds it", output, nil
	case m.by.kind == byTest && !strings.Contains(output, "--- FAIL: "+m.by.test+" "):
		return "the test did not run", output, nil
	}
	for _, name := range m.names {
		if !strings.Contains(output, name) {
			return fmt.Sprintf("the message does not name %q", name), output, nil
		}
	}
	return "", output, nil
}

// tryComplete runs every check that finds a missing place, and the checks of the packages under `green`. All of them
// must pass.
func (t tool) tryComplete(ctx context.Context, tree *tree, p *patch) (problem, output string, err error) {
	checks := []finder{{kind: byCompiler, pkg: "./..."}}
	for _, m := range p.places {
		if m.by.kind != byNobody && !slices.Contains(checks, m.by) {
			checks = append(checks, m.by)
		}
	}
	if p.green != "" {
		checks = append(checks, finder{kind: byLinter, pkg: p.green}, finder{kind: byTest, pkg: p.green, test: ".*"})
	}
	for _, f := range checks {
		if passed, output, err := t.passes(ctx, tree, f); err != nil || !passed {
			return "does not pass: " + f.String(), output, err
		}
	}
	return "", "", nil
}

// passes runs the compiler, the linter or a test, and says whether it finds nothing.
func (t tool) passes(ctx context.Context, tree *tree, f finder) (passed bool, output string, err error) {
	var args []string
	switch f.kind {
	case byCompiler:
		args = []string{"go", "vet"}
	case byLinter:
		args = []string{t.linter, "run", "--allow-parallel-runners"}
	case byTest: // the compiler's check runs go vet; symbols would only slow down linking
		args = []string{"go", "test", "-count=1", "-vet=off", "-ldflags=-s -w", "-run", "^(" + f.test + ")$"}
	default:
		return false, "", fmt.Errorf("no check of the kind %q", f.kind)
	}
	output, err = command(ctx, tree.dir, args[0], append(args[1:], strings.Fields(f.pkg)...)...)
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		return false, output, nil
	}
	return err == nil, output, err
}
