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

// What a person can set stands in deploy/.env.example, and what stands there has an effect.
func TestEnvExampleListsWhatComposeAsksFor(t *testing.T) {
	t.Parallel()
	asked := names(readFile(t, "compose.yaml"), `[^$]\$\{([A-Z_]+)`)
	offered := names(readFile(t, "deploy/.env.example"), `(?m)^([A-Z_]+)=`)
	// Set by whoever builds a release, not by whoever runs one.
	asked = slices.DeleteFunc(asked, func(name string) bool { return name == "VERSION" })
	if !slices.Equal(asked, offered) {
		t.Errorf("compose.yaml asks for %q, deploy/.env.example offers %q", asked, offered)
	}
}

func TestEnvExampleHoldsNoKey(t *testing.T) {
	t.Parallel()
	if !strings.Contains(readFile(t, "deploy/.env.example"), "\nINVITE_LINK_KEY=\n") {
		t.Error("deploy/.env.example: INVITE_LINK_KEY must be there, and empty: a key in a repository is no secret")
	}
}

// The linker ignores a -X for a variable that does not exist, and every binary would say it is version "".
func TestVersionIsSetWhereItIsRead(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"Makefile", "Dockerfile"} {
		target := regexp.MustCompile(`-X portal-invites/(\S+)\.(\w+)=`).FindStringSubmatch(readFile(t, path))
		if target == nil {
			t.Errorf("%s: no -X that sets the version", path)
			continue
		}
		if !declaresVariable(t, filepath.Join(root, target[1]), target[2]) {
			t.Errorf("%s sets %s in %s, where no such variable is declared", path, target[2], target[1])
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

// names returns what the pattern's first group finds, sorted, each once.
func names(text, pattern string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}
