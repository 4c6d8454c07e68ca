// Package sheet writes lists that offices open in a spreadsheet, and takes off again what it has added to cells.
package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// guard is put before a cell that a spreadsheet would take for a formula. It reads the rest as a text then.
const guard = "'"

// formulas are the first characters of formulas, also in the width of Chinese characters, which some programs narrow.
const formulas = "=+-@＝＋－＠"

// looksLikeFormula says whether a spreadsheet may take a cell for a formula. Some programs skip blanks before it.
// A cell that begins like a guarded one counts as well, so that a guard can always be taken off again.
func looksLikeFormula(cell string) bool {
	if rest, guarded := strings.CutPrefix(cell, guard); guarded {
		return looksLikeFormula(rest)
	}
	first := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	return first != cell && strings.ContainsAny(cell[:len(cell)-len(first)], "\t\r") ||
		first != "" && strings.ContainsRune(formulas, []rune(first)[0])
}

// Guard returns a cell that no spreadsheet takes for a formula.
func Guard(cell string) string {
	if looksLikeFormula(cell) {
		return guard + cell
	}
	return cell
}

// Unguard returns the cell that [Guard] was given.
func Unguard(cell string) string {
	if rest, guarded := strings.CutPrefix(cell, guard); guarded && looksLikeFormula(rest) {
		return rest
	}
	return cell
}

// Writer writes a list as CSV. The first error stays, and [Writer.Close] returns it.
type Writer struct {
	rows *csv.Writer
	err  error
}

// New begins a list with its columns.
func New(w io.Writer, columns ...string) *Writer {
	// Without the byte order mark, Excel reads UTF-8 as the system's old code page and garbles the names.
	_, err := io.WriteString(w, "\ufeff")
	list := &Writer{rows: csv.NewWriter(w), err: err}
	list.Row(columns...)
	return list
}

// Row adds a row.
func (w *Writer) Row(cells ...string) {
	guarded := make([]string, len(cells))
	for i, cell := range cells {
		guarded[i] = Guard(cell)
	}
	if err := w.rows.Write(guarded); w.err == nil {
		w.err = err
	}
}

// Close writes what is left.
func (w *Writer) Close() error {
	w.rows.Flush()
	if w.err == nil {
		w.err = w.rows.Error()
	}
	if w.err != nil {
		return fmt.Errorf("write the list: %w", w.err)
	}
	return nil
}
