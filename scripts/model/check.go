package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// check is one run of spin: of a model as it is, or with a mutation.
type check struct {
	model    model
	mutation mutation // the zero value: none
	folder   string   // where it works
}

// result says what a check has found.
type result struct {
	said    string
	problem string // how it differs from the model's header; "" if it does not
	output  string // of the program that failed, or the way to the broken property
	states  string
	took    time.Duration
}

var (
	statesLine   = regexp.MustCompile(`(?m)^ *(\d+) states, stored`)
	violatedLine = regexp.MustCompile(`(?m)^pan:\d+: assertion violated (\w+)`)
)

func (c check) run(ctx context.Context) (r result) {
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	output, err := c.search(ctx)
	if err != nil {
		return result{problem: err.Error(), output: output}
	}
	violated := map[string]bool{}
	for _, line := range violatedLine.FindAllStringSubmatch(output, -1) {
		violated[line[1]] = true
	}
	if states := statesLine.FindStringSubmatch(output); states != nil {
		r.states = states[1]
	}
	switch isWhole := r.states != "" && !strings.Contains(output, "Search not completed"); {
	case c.mutation.name != "" && violated[c.mutation.breaks]:
		r.said = "breaks " + c.mutation.breaks
	case c.mutation.name != "":
		r.problem, r.output = "does not break "+c.mutation.breaks, output
	case len(violated) > 0:
		r.problem, r.output = "a property does not hold", output+c.trail(ctx)
	case !isWhole || strings.Contains(output, "max search depth too small"):
		r.problem, r.output = "not every state was looked at", output
	default:
		r.said = fmt.Sprintf("%d properties hold", len(c.model.properties))
	}
	return r
}

// search makes spin write the program that looks at every state, and runs it. It returns the output of that program, or
// of the one that failed.
func (c check) search(ctx context.Context) (string, error) {
	if err := os.RemoveAll(c.folder); err != nil {
		return "", err
	}
	if err := os.MkdirAll(c.folder, 0o750); err != nil {
		return "", err
	}
	generate := []string{"spin", "-a"}
	compile := []string{"cc", "-w", "-DSAFETY", "-o", "pan", "pan.c"}
	search := []string{"./pan", "-E", "-m200000", "-w20"} // -E: a state without a next one is no error by itself
	if c.mutation.name != "" {                            // it may break other properties, too
		generate = append(generate, "-D"+c.mutation.name, "-DONE_PROPERTY")
		for _, property := range c.model.properties {
			ignored := 1
			if property == c.mutation.breaks {
				ignored = 0
			}
			generate = append(generate, fmt.Sprintf("-Dignored_%s=%d", property, ignored))
		}
	} else {
		compile = append(compile, "-O1") // a mutation is found sooner than the compiler would optimise
	}
	var output string
	for _, args := range [][]string{append(generate, c.model.path), compile, search} {
		var err error
		if output, err = c.command(ctx, args...); err != nil {
			return output, fmt.Errorf("%s: %w", args[0], err)
		}
	}
	return output, nil
}

// trail is the way to the state in which a property does not hold, the last steps of it.
func (c check) trail(ctx context.Context) string {
	const most = 80
	path := filepath.Join(c.folder, filepath.Base(c.model.path)+".trail")
	output, err := c.command(ctx, "spin", "-k", path, "-p", c.model.path)
	if err != nil {
		output += err.Error()
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

func (c check) command(ctx context.Context, args ...string) (string, error) {
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.folder, &output, &output
	err := cmd.Run()
	return output.String(), err
}
