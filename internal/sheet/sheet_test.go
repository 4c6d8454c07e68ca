package sheet

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// No cell is a formula, and every cell reads back as it was.
func TestCellsAreNoFormulasAndReadBackUnchanged(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		`=HYPERLINK("http://x")`: `'=HYPERLINK("http://x")`,
		"+1 LLC":                 "'+1 LLC",
		"-Dash":                  "'-Dash",
		"@home":                  "'@home",
		" =1+1":                  "' =1+1",
		"\t=1+1":                 "'\t=1+1",
		"\u00a0=1+1":             "'\u00a0=1+1",
		"\u200b=1+1":             "'\u200b=1+1",
		"\tplain":                "'\tplain",
		"＝1+1":                   "'＝1+1",
		"'=1+1":                  "''=1+1",
		"'quoted'":               "'quoted'",
		"O'Brien":                "O'Brien",
		"Dana Wu":                "Dana Wu",
		"":                       "",
	} {
		if got := Guard(cell); got != want || Unguard(got) != cell {
			t.Errorf("%q is written as %q, want %q, and read back as %q", cell, got, want, Unguard(got))
		}
	}
	cells := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("'= ab+\t＠\n\"")), 0, 6, -1), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		row := cells.Draw(t, "row")
		for i, cell := range row { // the reader of CSV makes one of a line's two ends the other
			row[i] = strings.ReplaceAll(cell, "\r\n", "\n")
		}
		var out bytes.Buffer
		w := New(&out, "first")
		w.Row(row...)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(out.Bytes(), []byte("\ufeff"))))
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) < 2 { // a row of one empty cell is an empty line
			if len(row) != 1 || row[0] != "" {
				t.Fatalf("%q is not read back", row)
			}
			return
		}
		for i, cell := range rows[1] {
			if strings.ContainsRune(formulas, []rune(cell + " ")[0]) || Unguard(cell) != row[i] {
				t.Fatalf("%q is written as %q", row[i], cell)
			}
		}
	})
}
