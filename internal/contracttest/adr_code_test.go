package contracttest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a record names under "In the code" is there: files and folders, targets of the Makefile, tables, rows of the
// bench, and Go names. One of the packages in the same section declares each Go name.
func TestEveryDecisionLeadsToItsCode(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, r := range records(t) {
		_, text, _ := strings.Cut(readFile(t, "../../docs/adr/"+r.file), "\n## In the code\n")
		spans := spansOf(text)
		isDeclared := declaredIn(t, spans)
		for _, s := range spans {
			checked++
			if !isDeclared[s.text] && !isElsewhere(t, s) {
				t.Errorf("%s: %s is not in the code, or not in the packages that the section names", r.file, s.text)
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d names were found", checked)
	}
}

// isElsewhere says whether a span that is no Go name is in the repository.
func isElsewhere(t *testing.T, s span) bool {
	t.Helper()
	target, isMake := strings.CutPrefix(s.text, "make ")
	switch {
	case isMake:
		return anyContains(t, "../../Makefile", "\n"+target+":")
	case s.kind == "table":
		return anyContains(t, "../store/migrations/*.sql", "CREATE TABLE "+s.text+" (")
	case s.kind == "row":
		return anyContains(t, "../../bench/internal/row/bench.go", `{"`+s.text+`", `)
	case strings.Contains(s.text, "/"), strings.HasPrefix(s.text, "."):
		_, err := os.Stat("../../" + s.text)
		return err == nil
	}
	return false
}

// span is a piece of code in a text. kind is "table" or "row" where the text says so.
type span struct{ kind, text string }

func spansOf(text string) (spans []span) {
	for _, match := range regexp.MustCompile("(?:[Tt]he (table|row) )?`([^`]+)`").FindAllStringSubmatch(text, -1) {
		spans = append(spans, span{match[1], match[2]})
	}
	return spans
}

// declaredIn are the names that the named packages declare at their top, without tests: functions, types, constants and
// variables, and methods and fields with their type (Invite.Held). Methods are there by their own names as well.
func declaredIn(t *testing.T, spans []span) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	for _, s := range spans {
		files, err := filepath.Glob("../../" + s.text + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, declaration := range parsed.Decls {
				for _, name := range namesOf(declaration) {
					declared[name] = true
				}
			}
		}
	}
	return declared
}

func namesOf(declaration ast.Decl) (names []string) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		names = append(names, d.Name.Name)
		if d.Recv != nil {
			names = append(names, receiver(d.Recv.List[0].Type)+"."+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names = append(names, name.Name)
				}
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
				names = append(names, structFields(s)...)
			}
		}
	}
	return names
}

// receiver is the name of a method's type, with or without a star and type parameters.
func receiver(typ ast.Expr) (name string) {
	ast.Inspect(typ, func(node ast.Node) bool {
		if ident, ok := node.(*ast.Ident); ok && name == "" {
			name = ident.Name
		}
		return true
	})
	return name
}

func structFields(typ *ast.TypeSpec) (names []string) {
	structure, ok := typ.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, field := range structure.Fields.List {
		for _, name := range field.Names {
			names = append(names, typ.Name.Name+"."+name.Name)
		}
	}
	return names
}

// anyContains says whether one of the files has a text.
func anyContains(t *testing.T, pattern, text string) bool {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s (%v)", pattern, err)
	}
	for _, file := range files {
		if strings.Contains(readFile(t, file), text) {
			return true
		}
	}
	return false
}
