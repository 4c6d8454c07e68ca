package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const smallModel = `/*
 * property: low   The number stays low.
 *
 * mutation: HIGH  low
 */
#include "must.h"
byte number;
property(low)
init {
  do
  :: number < 3 -> number++
#ifdef HIGH
  :: number == 3 -> number = 9
#endif
  :: timeout -> break
  od;
  must(low, number < 9)
}
`

// inRepository writes a model into the folder of models of a new repository.
func inRepository(t *testing.T, text string) (root string) {
	t.Helper()
	must, err := os.ReadFile("../../docs/model/must.h")
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	folder := filepath.Join(root, "docs/model")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"small.pml": []byte(text), "must.h": must} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// A header that does not fit its model is an error that names the difference.
func TestAHeaderMustFitItsModel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"a property without a mutation": {"mutation: HIGH  low", "mutation: HIGH", "no mutation breaks the property low"},
		"a property without a check":    {"must(low,", "must(other,", "nothing checks the property low"},
		"a mutation without a place":    {"#ifdef HIGH", "#if 0", "the mutation HIGH changes nothing"},
		"a place without a mutation":    {"#ifdef HIGH", "#ifdef HIGH\n#ifdef HIGHER\n#endif", "no mutation HIGHER"},
		"a mutation of something else":  {"property: low", "property:", "no property low"},
	} {
		root := inRepository(t, strings.Replace(smallModel, c.old, c.new, 1))
		err := run(t.Context(), []string{"-root", root}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAModelThatDoesNotExist(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), []string{"-root", inRepository(t, smallModel), "large"}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "large") {
		t.Errorf("%v", err)
	}
}
