package opstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// step is one command of the page with what it prints, or time that passes between two commands.
type step struct {
	line    int      // where it begins, from 1
	later   bool     // some minutes have passed; such a step has no command
	command string   // as a shell takes it, without the prompts
	prints  []string // the lines shown below it
	failing bool     // it is followed by "$ echo $?", so its exit code need not be 0
	output  [2]int   // the lines of the page with its output: first, and the one after the last, from 0
}

const (
	opening  = "```console"
	closing  = "```"
	later    = "A minute or two later:"
	exitCode = "echo $?"
)

// readPage reads the steps of a page, in order.
func readPage(page string) ([]step, error) {
	var steps []step
	inside := false
	for i, line := range strings.Split(page, "\n") {
		switch {
		case !inside && line == later:
			steps = append(steps, step{line: i + 1, later: true})
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

// TestThePageHidesNothing finds HTML comments, which a reader does not see, and shell comments: zsh takes a comment
// after a command for more words.
func TestThePageHidesNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"docs/operations.md", "README.md", "examples/README.md", "docs/configuration.md"} {
		page := file(t, path)
		if strings.Contains(page, "<!--") {
			t.Errorf("%s has an HTML comment", path)
		}
		for _, block := range blocks(page) {
			for line := range strings.Lines(block) {
				before, _, found := strings.Cut(line, "#")
				if found && strings.Trim(before, " \t") == "" || strings.Contains(line, " # ") {
					t.Errorf("%s: a comment in a block for pasting: %s", path, line)
				}
			}
		}
	}
}

// blocks are the contents of a page's shell code blocks, in order.
func blocks(page string) []string {
	var all []string
	for _, part := range strings.Split(page, "\n```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		all = append(all, block+"\n")
	}
	return all
}

// section is the text below a heading of a page, up to the next heading of that level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("there is no section %s", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// file is the content of a file of the repository.
func file(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
