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
	header string // unchanged, up to the diff
	about  string // the prose of the header
	keys   bool   // which has ended
	files  []string

	change mutant   // what the diff as a whole does wrong; unset where it does nothing wrong
	places []mutant // of a whole change: what is wrong where one place is forgotten
	green  string   // of a whole change: packages whose tests and linters find nothing
}

// mutant is a change that somebody must find.
type mutant struct {
	patch   *patch
	without string // the place of a whole change that is left out: a path, or a pattern of several (path.Match)
	by      finder
	names   []string // what the message must contain
	ci      bool
	whole   bool // nothing is left out, and nobody may find anything
}

func (m mutant) String() string {
	switch {
	case m.whole:
		return m.patch.name + ", whole"
	case m.without != "":
		return m.patch.name + " without " + m.without
	}
	return m.patch.name
}

// finder is who must find a mutant: the compiler, the linter or a test, in a package; or nobody, for a reason.
type finder struct{ who, pkg, test string }

const (
	byCompiler = "compiler"
	byLinter   = "linter"
	byTest     = "test"
	byNobody   = "nobody"
)

func (f finder) String() string {
	switch f.who {
	case byTest:
		return f.test
	case byNobody:
		return f.who
	}
	return f.who + " " + f.pkg
}

// mutants are all that the patch makes, the whole change first.
func (p *patch) mutants() []mutant {
	if len(p.places) == 0 {
		return []mutant{p.change}
	}
	return append([]mutant{{patch: p, whole: true}}, p.places...)
}

// named keeps the mutants with one of the words in their names, or all.
func named(patches []patch, words []string) (found []mutant) {
	for i := range patches {
		for _, m := range patches[i].mutants() {
			if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(m.String(), w) }) {
				found = append(found, m)
			}
		}
	}
	return found
}

// readPatches reads the folder, in the order of the names. Its error tells everything that is wrong with any header.
func readPatches(folder string) ([]patch, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil {
		return nil, err
	}
	patches := make([]patch, len(files))
	var wrong []error
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err == nil {
			err = patches[i].parse(file, string(content))
		}
		wrong = append(wrong, err)
	}
	return patches, errors.Join(wrong...)
}

var (
	diffOf   = regexp.MustCompile(`(?m)^diff --git a/(\S+) b/\S+$`)
	keyValue = regexp.MustCompile(`^(without|found by|names|ci|green): +(.*)$`)
)

// parse reads a patch file. Its error names the file and what its header lacks.
func (p *patch) parse(file, content string) error {
	*p = patch{name: strings.TrimSuffix(filepath.Base(file), ".patch"), file: file}
	begins := diffOf.FindStringIndex(content)
	if begins == nil {
		return p.wrong("no diff, as `git diff` makes one")
	}
	p.header = content[:begins[0]]
	for _, found := range diffOf.FindAllStringSubmatch(content, -1) {
		p.files = append(p.files, found[1])
	}
	for line := range strings.Lines(p.header) {
		if err := p.take(strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	return p.check()
}

// take reads one line of the header: prose, and then keys. Keys that follow a `without` are about that place.
func (p *patch) take(line string) error {
	pair := keyValue.FindStringSubmatch(line)
	switch {
	case pair == nil && line != "" && p.keys:
		return p.wrong("%q is no key", line)
	case pair == nil:
		p.about = strings.TrimSpace(p.about + " " + line)
		return nil
	}
	p.keys = true
	about, value := &p.change, pair[2]
	if len(p.places) > 0 {
		about = &p.places[len(p.places)-1]
	}
	switch pair[1] {
	case "without":
		p.places = append(p.places, mutant{patch: p, without: value})
	case "names":
		about.names = append(about.names, value)
	case "ci":
		about.ci = value == "yes"
	case "green":
		p.green = value
	case "found by":
		who, rest, _ := strings.Cut(value, " ")
		about.by = finder{who: strings.TrimSuffix(who, ","), pkg: rest}
		if who == byTest {
			about.by.pkg, about.by.test, _ = strings.Cut(rest, " ")
		}
	}
	return nil
}

func (p *patch) check() error {
	p.change.patch = p
	if p.about == "" {
		return p.wrong("its header does not say what is broken")
	}
	if len(p.places) == 0 {
		return p.checkMutant(&p.change)
	}
	if p.change.by.who != "" {
		return p.wrong("`found by` stands before the first `without`: say it of each place")
	}
	var wrong []error
	for i := range p.places {
		wrong = append(wrong, p.checkMutant(&p.places[i]))
	}
	for _, file := range p.files {
		if !slices.ContainsFunc(p.places, func(m mutant) bool { return m.leavesOut(file) }) {
			wrong = append(wrong, p.wrong("nobody is said to find it where %s is left out: `without: %s`", file, file))
		}
	}
	return errors.Join(wrong...)
}

func (p *patch) checkMutant(m *mutant) error {
	switch {
	case m.without != "" && !slices.ContainsFunc(p.files, m.leavesOut):
		return p.wrong("changes no file %s", m.without)
	case m.by.who == byNobody && m.by.pkg != "":
		return nil
	case m.by.pkg == "", (m.by.who == byTest) != (m.by.test != ""), !slices.Contains([]string{byCompiler, byLinter, byTest}, m.by.who):
		return p.wrong("%s: wants `found by: compiler ./package`, `linter ./package`, `test ./package TestName` or `nobody, reason`",
			cmp.Or(m.without, "the header"))
	case len(m.names) == 0 && m.without != "":
		m.names = []string{m.without}
	case len(m.names) == 0:
		return p.wrong("wants `names:`, what the message must say")
	}
	return nil
}

func (p *patch) wrong(format string, args ...any) error {
	return fmt.Errorf("%s.patch: %s", p.name, fmt.Sprintf(format, args...))
}

// leavesOut says whether a file is the place, or of it.
func (m mutant) leavesOut(file string) bool {
	matches, err := path.Match(m.without, file)
	return matches && err == nil
}
