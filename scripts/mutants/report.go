package main

import (
	"fmt"
	"io"
	"strings"
)

// report prints a row for each mutant, and what was said where something is wrong.
type report struct {
	out   io.Writer
	width int // of the first column
	by    int // of the second
	wrong int
}

func newReport(out io.Writer, mutants []mutant) *report {
	r := &report{out: out, width: len("mutant"), by: len("found by")}
	for _, m := range mutants {
		r.width, r.by = max(r.width, len(m.String())), max(r.by, len(foundBy(m)))
	}
	r.row("mutant", "found by", "names the next place", "seconds")
	return r
}

// row is one line of the table, as Markdown has it.
func (r *report) row(mutant, by, names, seconds string) {
	fmt.Fprintf(r.out, "| %-*s | %-*s | %-20s | %7s |\n", r.width, mutant, r.by, by, names, seconds)
}

func foundBy(m mutant) string {
	if m.whole {
		return "nobody: all places are right"
	}
	return m.by.String()
}

func (r *report) add(v verdict) {
	seconds := fmt.Sprintf("%.1f", v.took.Seconds())
	switch {
	case v.wrong != "":
		r.wrong++
		r.row(v.String(), "NO: "+v.wrong, "", seconds)
		fmt.Fprintf(r.out, "\n%s (%s)\n%s\n", v.patch.about, foundBy(v.mutant), indented(v.said))
	case v.whole || v.by.who == byNobody:
		r.row(v.String(), foundBy(v.mutant), "", seconds)
	default:
		r.row(v.String(), foundBy(v.mutant), "yes", seconds)
	}
}

// indented is the end of what was said: the beginning may be a log.
func indented(said string) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if len(lines) > most {
		lines = append([]string{"..."}, lines[len(lines)-most:]...)
	}
	return "    " + strings.Join(lines, "\n    ")
}
