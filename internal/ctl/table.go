package ctl

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

const (
	gap       = 2 // between two columns
	leastCell = 6
)

// table fits the width of a terminal: cells that are too long continue on the next line.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table, or nothing if it has no rows.
func (t *table) write(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	widths := t.widths(widthOf(w))
	printLines(w, widths, t.head)
	for _, row := range t.rows {
		printRow(w, widths, row)
	}
}

// widths gives each column the width of its longest cell. If that is too much in total, the widest columns shrink.
func (t *table) widths(available int) []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(printable(cell)))
		}
	}
	for total(widths) > available {
		widest := 0
		for i, width := range widths {
			if width > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastCell {
			break
		}
		widths[widest]--
	}
	return widths
}

// printRow prints one row on as many lines as its longest cell takes. An id is not broken, so that it can be copied. If
// a word is longer than its column, it takes the columns to its right as well, and their cells come below.
func printRow(w io.Writer, widths []int, row []string) {
	for i := range len(row) - 1 {
		if longestWord(row[i]) > widths[i] {
			printLong(w, widths, row[:i+1])
			if below := append(make([]string, i+1), row[i+1:]...); slices.ContainsFunc(below, isFilled) {
				printRow(w, widths, below)
			}
			return
		}
	}
	printLines(w, widths, row)
}

// printLong prints the beginning of a row, up to a cell with a word that is too long for its column. If there is no
// room for it from its column on, it is at the right end of a line of its own.
func printLong(w io.Writer, widths []int, row []string) {
	last := len(row) - 1
	if room := total(widths[last:]); longestWord(row[last]) <= room {
		printLines(w, append(slices.Clone(widths[:last]), room), row)
		return
	}
	if slices.ContainsFunc(row[:last], isFilled) {
		printLines(w, widths[:last], row[:last])
	}
	for _, line := range wrap(row[last], total(widths)) {
		fmt.Fprintln(w, runewidth.FillLeft(line, total(widths)))
	}
}

func isFilled(cell string) bool { return cell != "" }

// longestWord is the width of a cell's longest word.
func longestWord(cell string) int {
	width := 0
	for word := range strings.FieldsSeq(printable(cell)) {
		width = max(width, runewidth.StringWidth(word))
	}
	return width
}

// total is the width of columns with the gaps between them.
func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for _, width := range widths {
		sum += width
	}
	return sum
}

func printLines(w io.Writer, widths []int, row []string) {
	cells := make([][]string, len(row))
	lines := 1
	for i, cell := range row {
		cells[i] = wrap(cell, widths[i])
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		var line strings.Builder
		for i, cell := range cells {
			text := ""
			if n < len(cell) {
				text = cell[n]
			}
			line.WriteString(runewidth.FillRight(text, widths[i]+gap))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// rowWriter prints a table row by row, before all rows are known. So the widths of its columns are fixed.
type rowWriter struct {
	w      io.Writer
	widths []int
}

func (r rowWriter) write(cells ...string) { printRow(r.w, r.widths, cells) }

// fields describe one thing, each with a name before it. Fields without a value are left out.
type fields [][2]string

func (f fields) write(w io.Writer) {
	label := 0
	for _, field := range f {
		label = max(label, len(field[0]))
	}
	for _, field := range f {
		if field[1] != "" {
			printRow(w, []int{label, widthOf(w) - label - gap}, field[:])
		}
	}
}
