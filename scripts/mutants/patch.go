package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// patch is a file of testdata/mutants: a header for people and for this tool, and a unified diff.
type patch struct {
	name   string // of the file, without .patch
	file   string
	header string // the text before the diff
	about  string // the sentences at the top of the header
	inKeys bool   // the parser has read a key, so no sentences may follow
	files  []string

	change mutant   // the broken change; unset if the change is complete
	places []mutant // of a complete change: a mutant for each place that may be left out
	green  string   // of a complete change: the packages whose tests and linters must pass
}

// mutant is a change that a check must find, unless it is complete.
type mutant struct {
	patch    *patch
	without  string // the place of a complete change that is left out: a path, or a pattern as in path.Match
	by       finder
	names    []string // what the message must contain
	ci       bool
	complete bool // no place is left out, and every check must pass
}

func (m mutant) String() string {
	switch {
	case m.complete:
		return m.patch.name + ", complete"
	case m.without != "":
		return m.patch.name + " without " + m.without
	}
	return m.patch.name
}

// finder is the check that must find a mutant: the compiler, the linter or a test, in a package. If the kind is
// byNobody, pkg is the reason.
type finder struct{ kind, pkg, test string }

const (
	byCompiler = "compiler"
	byLinter   = "linter"
	byTest     = "test"
	byNobody   = "nobody"
)

func (f finder) String() string {
	switch f.kind {
	case byTest:
		return f.test
	case byNobody:
		return f.kind
	}
	return f.kind + " " + f.pkg
}

// mutants returns the mutants of the patch. A complete change comes before its places.
func (p *patch) mutants() []mutant {
	if len(p.places) == 0 {
		return []mutant{p.change}
	}
	return append([]mutant{{patch: p, complete: true}}, p.places...)
}

// selectMutants returns the mutants whose names contain one of the words. Without words, it returns all.
func selectMutants(patches []patch, words []string) (found []mutant) {
	for i := range patches {
		for _, m := range patches[i].mutants() {
			inName := func(word string) bool { return strings.Contains(m.String(), word) }
			if len(words) == 0 || slices.ContainsFunc(words, inName) {
				found = append(found, m)
			}
		}
	}
	return found
}

// readPatches reads the patches of a folder, in the order of their names. Its error lists the problems of all headers.
func readPatches(folder string) ([]patch, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil {
		return nil, err
	}
	patches := make([]patch, len(files))
	var problems []error
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err == nil {
			err = patches[i].parse(file, string(content))
		}
		problems = append(problems, err)
	}
	return patches, errors.Join(problems...)
}

var (
	diffOf   = regexp.MustCompile(`(?m)^diff --git a/(\S+) b/\S+$`)
	keyValue = regexp.MustCompile(`^(without|found by|no seed|names|ci|green): +(.*)$`)
)

// parse reads a patch file. Its error names the file and the problem of its header.
func (p *patch) parse(file, content string) error {
	*p = patch{name: strings.TrimSuffix(filepath.Base(file), ".patch"), file: file}
	begins := diffOf.FindStringIndex(content)
	if begins == nil {
		return p.problem("has no diff in the format of `git diff`")
	}
	p.header = content[:begins[0]]
	for _, found := range diffOf.FindAllStringSubmatch(content, -1) {
		p.files = append(p.files, found[1])
	}
	for line := range strings.Lines(p.header) {
		if err := p.parseLine(strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	return p.check()
}

// parseLine reads one line of the header: first the sentences, then the keys. Keys after a `without` belong to its
// place.
func (p *patch) parseLine(line string) error {
	pair := keyValue.FindStringSubmatch(line)
	switch {
	case pair == nil && line != "" && p.inKeys:
		return p.problem("%q is not a key", line)
	case pair == nil:
		p.about = strings.TrimSpace(p.about + " " + line)
		return nil
	}
	p.inKeys = true
	current, value := &p.change, pair[2]
	if len(p.places) > 0 {
		current = &p.places[len(p.places)-1]
	}
	switch pair[1] {
	case "without":
		p.places = append(p.places, mutant{patch: p, without: value})
	case "names":
		current.names = append(current.names, value)
	case "ci":
		current.ci = value == "yes"
	case "green":
		p.green = value
	case "no seed": // for docs/testing.md
	case "found by":
		kind, rest, _ := strings.Cut(value, " ")
		current.by = finder{kind: strings.TrimSuffix(kind, ","), pkg: rest}
		if kind == byTest {
			current.by.pkg, current.by.test, _ = strings.Cut(rest, " ")
		}
	}
	return nil
}

// check returns an error that says what the header lacks.
func (p *patch) check() error {
	p.change.patch = p
	if p.about == "" {
		return p.problem("the header does not say what is broken")
	}
	if len(p.places) == 0 {
		return p.checkMutant(&p.change)
	}
	if p.change.by.kind != "" {
		return p.problem("`found by` comes before the first `without`: each place needs its own")
	}
	var problems []error
	for i := range p.places {
		problems = append(problems, p.checkMutant(&p.places[i]))
	}
	for _, file := range p.files {
		if !slices.ContainsFunc(p.places, func(m mutant) bool { return m.leavesOut(file) }) {
			problems = append(problems, p.problem("no `without: %s` says which check finds that the file is left out", file))
		}
	}
	return errors.Join(problems...)
}

func (p *patch) checkMutant(m *mutant) error {
	kinds := []string{byCompiler, byLinter, byTest}
	switch {
	case m.without != "" && !slices.ContainsFunc(p.files, m.leavesOut):
		return p.problem("changes no file %s", m.without)
	case m.by.kind == byNobody && m.by.pkg != "":
		return nil
	case m.by.pkg == "", (m.by.kind == byTest) != (m.by.test != ""), !slices.Contains(kinds, m.by.kind):
		return p.problem("%s needs `found by: compiler ./package`, `linter ./package`, `test ./package TestName` "+
			"or `nobody, reason`", cmp.Or(m.without, "the header"))
	case len(m.names) == 0 && m.without != "":
		m.names = []string{m.without}
	case len(m.names) == 0:
		return p.problem("the header needs `names:`, with what the message must contain")
	}
	return nil
}

func (p *patch) problem(format string, args ...any) error {
	return fmt.Errorf("%s.patch: %s", p.name, fmt.Sprintf(format, args...))
}

// leavesOut says whether the mutant leaves out a file.
func (m mutant) leavesOut(file string) bool {
	matches, err := path.Match(m.without, file)
	return matches && err == nil
}
