package page

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// result is a file that measure.WriteTable has written.
type result struct {
	notes  map[string]string
	ratios [][]string // what, ratio, min – max, wanted, reached
	rows   []row
}

// row has one contender's own numbers, as printed.
type row struct {
	name, by, each, second, spread string
	further                        map[string]string // by unit: "all-cpu" 95.6µs, "WAL-B" 1878
}

// read parses a file of results.
func read(content string) (result, error) {
	r := result{notes: map[string]string{}}
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "- "), ": "); ok && strings.HasPrefix(line, "- ") {
			r.notes[name] = value
			continue
		}
		cells := cellsOf(line)
		switch len(cells) {
		case 0:
		case 5:
			r.ratios = append(r.ratios, cells)
		case 6:
			r.rows = append(r.rows, rowOf(cells))
		default:
			return r, fmt.Errorf("%q has %d cells", line, len(cells))
		}
	}
	if r.notes["began"] == "" || len(r.ratios) == 0 || len(r.rows) == 0 {
		return r, errors.New("does not have notes, ratios and numbers")
	}
	return r, nil
}

// cellsOf returns the cells of a table's row. It returns none for a table's heading or ruler, and for any other line.
func cellsOf(line string) []string {
	inner, ok := strings.CutPrefix(line, "| ")
	if !ok || strings.HasPrefix(line, "| what |") || strings.HasPrefix(line, "| row |") {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(inner, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// quantity is "88.1 RSS-MB"; a delay or a time has its name first: "all-cpu 95.6µs".
var quantity = regexp.MustCompile(`^[0-9.e+-]+$`)

func rowOf(cells []string) row {
	r := row{
		name: cells[0], by: cells[1], each: cells[2], second: cells[3], spread: cells[4], further: map[string]string{},
	}
	for more := range strings.SplitSeq(cells[5], ", ") {
		first, second, ok := strings.Cut(more, " ")
		if !ok {
			continue // a row may have no further numbers
		}
		if quantity.MatchString(first) {
			first, second = second, first
		}
		r.further[first] = second
	}
	return r
}

// column is a column of a table: its heading, and the unit whose numbers it shows.
type column struct{ heading, unit string }

var (
	speeds = []column{
		{"p50", "p50"}, {"p99", "p99"}, {"slowest", "p100"}, {"WAL, bytes", "WAL-B"}, {"memory, MB", "RSS-MB"},
	}
	times = []column{
		{"worker", "worker-cpu"}, {"Postgres", "postgres-cpu"}, {"broker", "broker-cpu"}, {"mail server", "sink-cpu"},
		{"benchmark", "bench-cpu"}, {"all", "all-cpu"},
	}
)

// rest returns the numbers that have no column, such as the total time of an outage's queue.
func (r row) rest() string {
	var rest []string
	for unit, value := range r.further {
		if !slices.ContainsFunc(slices.Concat(speeds, times), func(c column) bool { return c.unit == unit }) {
			rest = append(rest, unit+" "+value)
		}
	}
	slices.Sort(rest)
	return strings.Join(rest, ", ")
}

// write prints the date and the machine of the measurement, the ratios, the speeds and the CPU times.
func (r result) write(b *strings.Builder, name string) {
	date, _, _ := strings.Cut(r.notes["began"], "T")
	fmt.Fprintf(b, "Measured on %s, on %s CPUs (%s/%s, %s). "+
		"[bench/results/%s.md](../bench/results/%s.md) has everything.\n\n",
		date, r.notes["cpus"], r.notes["goos"], r.notes["goarch"], r.notes["go"], name, name)
	for _, note := range []string{"rounds", "scale", "took", "load", "postgres", "broker", "smtp-connections"} {
		fmt.Fprintf(b, "- %s: %s\n", note, r.notes[note])
	}
	b.WriteString("\n| what | ratio | min – max | wanted | reached |\n|---|---:|---:|---:|---|\n")
	for _, ratio := range r.ratios {
		fmt.Fprintf(b, "| %s |\n", strings.Join(ratio, " | "))
	}
	b.WriteString("\nSpeed, as medians over the rounds:\n\n")
	r.table(b, []string{"each", "a second", "min – max each", "further"}, speeds, func(row row) []string {
		return []string{row.each, row.second, row.spread, row.rest()}
	})
	b.WriteString("\nCPU time of each operation, by process:\n\n")
	r.table(b, nil, times, func(row) []string { return nil })
}

// table prints the rows that have one of the columns' units, or any row if there are other cells.
func (r result) table(b *strings.Builder, more []string, columns []column, cells func(row) []string) {
	headings := append([]string{"row", "by"}, more...)
	for _, c := range columns {
		headings = append(headings, c.heading)
	}
	fmt.Fprintf(b, "| %s |\n|---|---%s|\n", strings.Join(headings, " | "), strings.Repeat("|---:", len(headings)-2))
	for _, row := range r.rows {
		values := append([]string{row.name, row.by}, cells(row)...)
		fixed := len(values)
		for _, c := range columns {
			values = append(values, row.further[c.unit])
		}
		if len(more) > 0 || slices.ContainsFunc(values[fixed:], func(v string) bool { return v != "" }) {
			fmt.Fprintf(b, "| %s |\n", strings.Join(values, " | "))
		}
	}
}
