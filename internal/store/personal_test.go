package store_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/store"
)

// A new column has an entry in personal.go, in one of its parts.
func TestEveryColumnIsRegistered(t *testing.T) {
	t.Parallel()
	parts := map[string]map[string]int{}
	for _, entry := range store.PersonalTables() {
		parts[entry.Table] = map[string]int{}
		for _, part := range []string{entry.Person, entry.Others, entry.Staff, entry.None, entry.Hidden} {
			for _, column := range store.Columns(part) {
				parts[entry.Table][column]++
			}
		}
		for column := range entry.Shown {
			if !slices.Contains(store.Columns(entry.Person+" "+entry.Others), column) {
				t.Errorf("%s.%s: is shown in part, and is not in Person or Others", entry.Table, column)
			}
		}
		if entry.Whose == "" && entry.Person != "" {
			t.Errorf("%s: Person has columns, and Whose does not say which rows are about a person", entry.Table)
		}
		for _, column := range store.Columns(entry.Person + " " + entry.Others) {
			if n := erasedHow(entry, column); n != 1 {
				t.Errorf("%s.%s can hold a person, and %d ways say how one is erased: say one of Deleted, Erased, ByCode, Stays "+
					"in internal/store/personal.go", entry.Table, column, n)
			}
		}
		if entry.Kept == "" {
			t.Errorf("%s: does not say how long its rows are kept", entry.Table)
		}
	}
	b := open(t)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		columns, err := tx.AllColumns(ctx)
		b.must(err)
		if len(columns) < 200 {
			t.Errorf("found %d columns", len(columns))
		}
		for _, c := range columns {
			table, column, _ := strings.Cut(c, ".")
			switch parts[table][column] {
			case 0:
				t.Errorf("%s is not in internal/store/personal.go: say whether it can hold a person", c)
			case 1:
			default:
				t.Errorf("%s is in several parts of its entry", c)
			}
		}
		return nil
	})
}

// The page of privacy says of each table that can hold a person which columns do, and how long its rows are kept.
func TestPrivacyPageIsTheRegisters(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/privacy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range store.PersonalTables() {
		columns := store.Columns(entry.Person + " " + entry.Others + " " + entry.Staff)
		row := "| `" + entry.Table + "` | `" + strings.Join(columns, "`, `") + "` | " + entry.Kept + " |\n"
		if len(columns) > 0 && !strings.Contains(string(page), row) {
			t.Errorf("docs/privacy.md lacks the row\n%s", row)
		}
	}
}

// erasedHow is how many ways the register has to erase a person from a column.
func erasedHow(entry store.PersonalData, column string) (n int) {
	if entry.Deleted {
		n++
	}
	for _, by := range []map[string]string{entry.Erased, entry.ByCode, entry.Stays} {
		if by[column] != "" {
			n++
		}
	}
	return n
}
