package deploytest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// deploy/.env.example has exactly the variables that compose.yaml reads.
func TestEnvExampleListsTheVariablesOfCompose(t *testing.T) {
	t.Parallel()
	asked := names(readFile(t, "compose.yaml"), `[^$]\$\{([A-Z_]+)`)
	offered := names(readFile(t, "deploy/.env.example"), `(?m)^([A-Z_]+)=`)
	// VERSION is set when a release is built, not when it is run.
	asked = slices.DeleteFunc(asked, func(name string) bool { return name == "VERSION" })
	if !slices.Equal(asked, offered) {
		t.Errorf("compose.yaml reads %q, but deploy/.env.example has %q", asked, offered)
	}
}

func TestEnvExampleHoldsNoKey(t *testing.T) {
	t.Parallel()
	if !strings.Contains(readFile(t, "deploy/.env.example"), "\nINVITE_LINK_KEY=\n") {
		t.Error("deploy/.env.example: INVITE_LINK_KEY must be there, but empty: a key in a repository is not secret")
	}
}

// The linker ignores a -X for a variable that does not exist. Then every binary would print the version "".
func TestVersionIsSetWhereItIsRead(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"Makefile", "Dockerfile"} {
		target := regexp.MustCompile(`-X portal-invites/(\S+)\.(\w+)=`).FindStringSubmatch(readFile(t, path))
		if target == nil {
			t.Errorf("%s: no -X that sets the version", path)
			continue
		}
		if !declaresVariable(t, filepath.Join(root, target[1]), target[2]) {
			t.Errorf("%s sets %s in %s, which does not declare that variable", path, target[2], target[1])
		}
	}
}

func declaresVariable(t *testing.T, dir, name string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".go" || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, entry.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(file.Decls, func(d ast.Decl) bool { return isVariable(d, name) }) {
			return true
		}
	}
	return false
}

func isVariable(declaration ast.Decl, name string) bool {
	general, ok := declaration.(*ast.GenDecl)
	if !ok || general.Tok != token.VAR {
		return false
	}
	return slices.ContainsFunc(general.Specs, func(spec ast.Spec) bool {
		value, ok := spec.(*ast.ValueSpec)
		return ok && slices.ContainsFunc(value.Names, func(ident *ast.Ident) bool { return ident.Name == name })
	})
}

// names returns the matches of the pattern's first group, sorted and without duplicates.
func names(text, pattern string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}
