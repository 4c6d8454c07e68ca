package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// commonChanges returns the section of CONTRIBUTING.md that lists the places of a change.
func commonChanges(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, begins := strings.Cut(string(page), "\n## Common changes\n")
	section, _, ends := strings.Cut(section, "\n## ")
	if !begins || !ends {
		t.Fatal("CONTRIBUTING.md has no section Common changes")
	}
	return section
}

// The page names only files and tests that exist.
func TestCommonChangesNameWhatExists(t *testing.T) {
	t.Parallel()
	page := commonChanges(t)
	paths := regexp.MustCompile("`((?:api|cmd|docs|examples|internal|scripts|testdata)/[^` ]+)`")
	for _, named := range paths.FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(root, named[1])); err != nil {
			t.Errorf("CONTRIBUTING.md names %s: %v", named[1], err)
		}
	}
	tests := everyTest(t)
	for _, named := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(page, -1) {
		if !tests[named[1]] {
			t.Errorf("CONTRIBUTING.md names the test %s, which does not exist", named[1])
		}
	}
}

// everyTest returns the names of all tests of the module.
func everyTest(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, folder := range []string{"cmd", "examples", "internal", "scripts"} {
		err := fs.WalkDir(os.DirFS(root), folder, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, "_test.go") {
				return err
			}
			code, err := os.ReadFile(filepath.Join(root, name))
			for _, test := range declared.FindAllStringSubmatch(string(code), -1) {
				found[test[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// The page names every place of the complete changes, and every test that finds a missing place.
func TestCommonChangesHaveEveryPlace(t *testing.T) {
	t.Parallel()
	page := commonChanges(t)
	patches, err := readPatches(filepath.Join(root, "testdata", "mutants"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range patches {
		for _, m := range patches[i].places {
			if !isNamed(page, m.without) {
				t.Errorf("CONTRIBUTING.md, Common changes: does not name %s, a place of %s.patch", m.without, m.patch.name)
			}
			if m.by.kind == byTest && !strings.Contains(page, "`"+m.by.test+"`") {
				t.Errorf("CONTRIBUTING.md, Common changes: does not name %s, which finds that %s is left out",
					m.by.test, m.without)
			}
		}
	}
}

// isNamed says whether the page names a place, its folder, or one of its files if the place is a pattern.
func isNamed(page, place string) bool {
	for _, named := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(page, -1) {
		matches, err := path.Match(place, named[1])
		if matches && err == nil || strings.HasPrefix(place, named[1]+"/") {
			return true
		}
	}
	return false
}
