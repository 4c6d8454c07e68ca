package opstest

import (
	"fmt"
	"strings"
)

// step is one command of the page with what it prints, or something that happens between two commands.
type step struct {
	line    int      // where it begins, from 1
	happens string   // what an HTML comment "<!-- meanwhile: ... -->" says; such a step has no command
	command string   // as a shell takes it, without the prompts
	prints  []string // the lines shown below it
	failing bool     // it is followed by "$ echo $?", and so may exit with something else than 0
	output  [2]int   // the page's lines that prints are, from and up to, from 0
}

const (
	opening   = "```console"
	closing   = "```"
	meanwhile = "<!-- meanwhile: "
	exitCode  = "echo $?"
)

// readPage takes the steps out of a page, in order.
func readPage(page string) ([]step, error) {
	var steps []step
	inside := false
	for i, line := range strings.Split(page, "\n") {
		switch {
		case !inside && strings.HasPrefix(line, meanwhile):
			steps = append(steps, step{line: i + 1, happens: strings.TrimSuffix(strings.TrimPrefix(line, meanwhile), " -->")})
		case !inside:
			inside = line == opening
		case line == closing:
			inside = false
		case strings.HasPrefix(line, "$ "):
			command := strings.TrimPrefix(line, "$ ")
			if n := len(steps); n > 0 && command == exitCode {
				steps[n-1].failing = true
			}
			steps = append(steps, step{line: i + 1, command: command, output: [2]int{i + 1, i + 1}})
		case len(steps) == 0 || steps[len(steps)-1].command == "":
			return nil, fmt.Errorf("line %d: a console block must begin with a command", i+1)
		default:
			last := &steps[len(steps)-1]
			last.output[1] = i + 1
			if more, ok := strings.CutPrefix(line, "> "); ok && strings.HasSuffix(last.command, "\\") {
				last.command += "\n" + more
				last.output[0] = i + 1
				continue
			}
			last.prints = append(last.prints, line)
		}
	}
	if inside {
		return nil, fmt.Errorf("a console block does not end")
	}
	return steps, nil
}
