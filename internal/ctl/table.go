package ctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

const (
	gap       = 2 // between two columns
	leastCell = 6
)

// table is printed within the width of a terminal: cells that do not fit go on in the next line.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table, or nothing where it has no rows.
func (t *table) write(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	widths := t.widths(widthOf(w))
	printRow(w, widths, t.head)
	for _, row := range t.rows {
		printRow(w, widths, row)
	}
}

// widths gives each column what its longest cell takes; where that is too much in all, the widest columns give way.
func (t *table) widths(available int) []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(printable(cell)))
		}
	}
	total := gap * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	for ; total > available; total-- {
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

// printRow prints one row in as many lines as its longest cell takes.
func printRow(w io.Writer, widths []int, row []string) {
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

// stream is a table of which the rows are not known yet: its columns are as wide as they are.
type stream struct {
	w      io.Writer
	widths []int
}

func (s stream) row(cells ...string) { printRow(s.w, s.widths, cells) }

// facts are what there is to say of one thing, a name before each. Those without a value are left out.
type facts [][2]string

func (f facts) write(w io.Writer) {
	label := 0
	for _, fact := range f {
		label = max(label, len(fact[0]))
	}
	for _, fact := range f {
		if fact[1] != "" {
			printRow(w, []int{label, widthOf(w) - label - gap}, fact[:])
		}
	}
}
