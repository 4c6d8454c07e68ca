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

// commonChanges is the section of the page that whoever adds something goes by.
func commonChanges(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, begun := strings.Cut(string(page), "\n## Common changes\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !begun || !ended {
		t.Fatal("CONTRIBUTING.md has no section Common changes")
	}
	return section
}

// The files and the tests that the page names exist.
func TestCommonChangesNameWhatThereIs(t *testing.T) {
	t.Parallel()
	page := commonChanges(t)
	for _, named := range regexp.MustCompile("`((?:api|cmd|docs|examples|internal|scripts|testdata)/[^` ]+)`").FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(root, named[1])); err != nil {
			t.Errorf("CONTRIBUTING.md names %s: %v", named[1], err)
		}
	}
	tests := everyTest(t)
	for _, named := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(page, -1) {
		if !tests[named[1]] {
			t.Errorf("CONTRIBUTING.md names %s, which is no test", named[1])
		}
	}
}

// everyTest has the name of each test of the module.
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

// Whoever goes by the page forgets no place of the whole changes here, and knows who finds it.
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
			if m.by.who == byTest && !strings.Contains(page, "`"+m.by.test+"`") {
				t.Errorf("CONTRIBUTING.md, Common changes: does not name %s, which finds that %s is forgotten", m.by.test, m.without)
			}
		}
	}
}

// isNamed says whether the page names a place, or the folder it is in, or a file of several that are the place.
func isNamed(page, place string) bool {
	for _, named := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(page, -1) {
		if matches, err := path.Match(place, named[1]); strings.HasPrefix(place, named[1]+"/") || matches && err == nil {
			return true
		}
	}
	return false
}
