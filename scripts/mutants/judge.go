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

// verdict is what became of a mutant.
type verdict struct {
	mutant
	wrong string // what is not as the header says; "" for all is well
	said  string // by whoever was asked
	took  time.Duration
}

// judge applies a mutant and asks who must find it. Its error is about the tool, and not about the mutant.
func (t tool) judge(ctx context.Context, tree *tree, m mutant) (verdict, error) {
	begin, v := time.Now(), verdict{mutant: m}
	err := tree.reset(ctx)
	if err == nil {
		err = tree.apply(ctx, m)
	}
	if err != nil {
		return v, err
	}
	if m.whole {
		v.wrong, v.said, err = t.isGreen(ctx, tree, m.patch)
	} else {
		v.wrong, v.said, err = t.isFound(ctx, tree, m)
	}
	v.took = time.Since(begin)
	return v, err
}

// isFound asks the finder, whose message must name the place.
func (t tool) isFound(ctx context.Context, tree *tree, m mutant) (wrong, said string, err error) {
	if m.by.who == byNobody {
		return "", "", nil
	}
	passed, said, err := t.ask(ctx, tree, m.by)
	switch {
	case err != nil:
		return "", said, err
	case passed:
		return "nobody finds it", said, nil
	case m.by.who == byTest && !strings.Contains(said, "--- FAIL: "+m.by.test+" "):
		return "the test does not get so far", said, nil
	}
	for _, name := range m.names {
		if !strings.Contains(said, name) {
			return fmt.Sprintf("the message does not name %q", name), said, nil
		}
	}
	return "", said, nil
}

// isGreen asks everybody who finds something where a place is left out, and more tests: a whole change is right.
func (t tool) isGreen(ctx context.Context, tree *tree, p *patch) (wrong, said string, err error) {
	asked := []finder{{who: byCompiler, pkg: "./..."}}
	for _, m := range p.places {
		if m.by.who != byNobody && !slices.Contains(p.green, m.by.pkg) {
			asked = append(asked, m.by)
		}
	}
	for _, pkg := range p.green {
		asked = append(asked, finder{who: byLinter, pkg: pkg}, finder{who: byTest, pkg: pkg, test: ".*"})
	}
	for i, f := range asked {
		if slices.Contains(asked[:i], f) {
			continue
		}
		if passed, said, err := t.ask(ctx, tree, f); err != nil || !passed {
			return "is not right: " + f.String(), said, err
		}
	}
	return "", "", nil
}

// ask runs the compiler, the linter or a test.
func (t tool) ask(ctx context.Context, tree *tree, f finder) (passed bool, said string, err error) {
	switch f.who {
	case byCompiler:
		said, err = command(ctx, tree.dir, "go", "vet", f.pkg)
	case byLinter:
		said, err = command(ctx, tree.dir, t.linter, "run", f.pkg)
	case byTest:
		// The compiler's part, go vet, is done by whoever compiles all patches. The symbols would only make the linker slower.
		said, err = command(ctx, tree.dir, "go", "test", "-count=1", "-vet=off", "-ldflags=-s -w", "-run", "^("+f.test+")$", f.pkg)
	}
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		return false, said, nil
	}
	return err == nil, said, err
}
