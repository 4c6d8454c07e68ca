package store_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// To learn what changes the rows of a table, you read one file. Only two are written in two: logins, because a login
// changes with an access in the same statement, and access, because reminders.go counts the reminders in its rows.
func TestEachTableIsWrittenInOneFile(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	writers := map[string]map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		code, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\b(?:INSERT INTO|UPDATE) ([a-z_]+)`).FindAllSubmatch(code, -1) {
			table := string(found[1])
			if writers[table] == nil {
				writers[table] = map[string]bool{}
			}
			writers[table][file.Name()] = true
		}
	}
	for table, in := range writers {
		want := 1
		if table == "logins" || table == "access" {
			want = 2
		}
		if len(in) != want {
			t.Errorf("%s is written in %q", table, slices.Sorted(maps.Keys(in)))
		}
	}
	if len(writers["access"]) == 0 || len(writers["invites"]) == 0 {
		t.Errorf("this test does not find the statements that write: %v", writers)
	}
}
