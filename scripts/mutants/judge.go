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
		if m.by.who != byNobody && !slices.Contains(asked, m.by) {
			asked = append(asked, m.by)
		}
	}
	if p.green != "" {
		asked = append(asked, finder{who: byLinter, pkg: p.green}, finder{who: byTest, pkg: p.green, test: ".*"})
	}
	for _, f := range asked {
		if passed, said, err := t.ask(ctx, tree, f); err != nil || !passed {
			return "is not right: " + f.String(), said, err
		}
	}
	return "", "", nil
}

// ask runs the compiler, the linter or a test.
func (t tool) ask(ctx context.Context, tree *tree, f finder) (passed bool, said string, err error) {
	var args []string
	switch f.who {
	case byCompiler:
		args = []string{"go", "vet"}
	case byLinter:
		args = []string{t.linter, "run", "--allow-parallel-runners"}
	case byTest: // go vet is the compiler's part, and symbols would only make the linker slower
		args = []string{"go", "test", "-count=1", "-vet=off", "-ldflags=-s -w", "-run", "^(" + f.test + ")$"}
	default:
		return false, "", fmt.Errorf("nobody can be asked: %q", f.who)
	}
	said, err = command(ctx, tree.dir, args[0], append(args[1:], strings.Fields(f.pkg)...)...)
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		return false, said, nil
	}
	return err == nil, said, err
}
