package main

import (
	"fmt"
	"io"
	"strings"
)

// report prints a row for each mutant. For a mutant with a problem, it also prints the output of the check.
type report struct {
	out         io.Writer
	mutantWidth int // of the first column
	finderWidth int // of the second column
	problems    int
}

func newReport(out io.Writer, mutants []mutant) *report {
	r := &report{out: out, mutantWidth: len("mutant"), finderWidth: len("found by")}
	for _, m := range mutants {
		r.mutantWidth = max(r.mutantWidth, len(m.String()))
		r.finderWidth = max(r.finderWidth, len(foundBy(m)))
	}
	r.row("mutant", "found by", "names the place", "seconds")
	return r
}

// row prints one row of a Markdown table.
func (r *report) row(mutant, by, names, seconds string) {
	fmt.Fprintf(r.out, "| %-*s | %-*s | %-15s | %7s |\n", r.mutantWidth, mutant, r.finderWidth, by, names, seconds)
}

func foundBy(m mutant) string {
	if m.complete {
		return "nobody: the change is complete"
	}
	return m.by.String()
}

func (r *report) add(res result) {
	seconds := fmt.Sprintf("%.1f", res.took.Seconds())
	switch {
	case res.problem != "":
		r.problems++
		r.row(res.String(), "NO: "+res.problem, "", seconds)
		fmt.Fprintf(r.out, "\n%s (%s)\n%s\n", res.patch.about, foundBy(res.mutant), lastLines(res.output))
	case res.complete || res.by.kind == byNobody:
		r.row(res.String(), foundBy(res.mutant), "", seconds)
	default:
		r.row(res.String(), foundBy(res.mutant), "yes", seconds)
	}
}

// lastLines returns the end of an output, indented. The beginning may be a long log.
func lastLines(output string) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) > most {
		lines = append([]string{"..."}, lines[len(lines)-most:]...)
	}
	return "    " + strings.Join(lines, "\n    ")
}
