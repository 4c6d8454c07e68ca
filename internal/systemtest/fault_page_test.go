package systemtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portal-invites/internal/oracle"
)

const page = "../../docs/testing.md"

var update = flag.Bool("update", false, "write the tables of docs/testing.md anew")

// The tables of docs/testing.md are written from the faults, from the oracle's checks, and from the patches that the
// seeds find.
func TestTablesOfThePage(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	written := string(content)
	for name, table := range map[string]string{"faults": faultTable(), "checks": checkTable(), "bugs": bugTable(t)} {
		written = replaceTable(t, written, name, table)
	}
	switch {
	case written == string(content):
	case *update:
		if err := os.WriteFile(page, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/testing.md is not up to date: go test ./internal/systemtest -run TestTablesOfThePage -update")
	}
}

func replaceTable(t *testing.T, text, name, table string) string {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
	before, rest, hasBegin := strings.Cut(text, begin)
	_, after, hasEnd := strings.Cut(rest, end)
	if !hasBegin || !hasEnd {
		t.Fatalf("docs/testing.md has no place for the table %s", name)
	}
	return before + begin + table + end + after
}

func faultTable() string {
	var table strings.Builder
	table.WriteString("| fault | how it is put in | what is promised, besides the oracle's checks | " +
		"may an answer be lost? |\n|---|---|---|---|\n")
	for _, f := range faults() {
		lost := "yes"
		if f.keepsAnswers {
			lost = "no"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", f.name, f.how, f.promise, lost)
	}
	return table.String()
}

func checkTable() string {
	var table strings.Builder
	table.WriteString("| sign | promise |\n|---|---|\n")
	for _, c := range oracle.Checks() {
		fmt.Fprintf(&table, "| %s | %s |\n", c.Sign, c.Promise)
	}
	return table.String()
}

var headerKey = regexp.MustCompile(`(?m)^(found by|no seed|names): +(.*)$`)

// bugTable lists the patches of testdata/mutants that a seed finds, and those that say why none does.
func bugTable(t *testing.T) string {
	t.Helper()
	patches, err := filepath.Glob("../../testdata/mutants/*.patch")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| patch | bug | found by | sign |\n|---|---|---|---|\n")
	for _, patch := range patches {
		content, err := os.ReadFile(patch)
		if err != nil {
			t.Fatal(err)
		}
		header, _, _ := strings.Cut(string(content), "\ndiff --git")
		keys := map[string]string{}
		for _, pair := range headerKey.FindAllStringSubmatch(header, -1) {
			keys[pair[1]] = pair[2]
		}
		sign, isSign := strings.CutPrefix(keys["names"], "SIGN ")
		switch {
		case isSign:
		case keys["no seed"] != "":
			sign = "no seed: " + keys["no seed"]
		default:
			continue
		}
		about, _, _ := strings.Cut(header, "\n\n")
		words := strings.Fields(keys["found by"])
		fmt.Fprintf(&table, "| `%s` | %s | `%s` | %s |\n", strings.TrimSuffix(filepath.Base(patch), ".patch"),
			strings.ReplaceAll(about, "\n", " "), words[len(words)-1], sign)
	}
	return table.String()
}
