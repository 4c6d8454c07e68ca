package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

type options struct {
	worst int  // sentences to print of each text
	all   bool // list texts within the limits, too
}

// result is a text with its measures, its sentences and its retired words.
type result struct {
	text
	measures measures
	found    []sentence
	retired  []use
}

// write prints the tables and says whether every text is within the limits and without a retired word.
func write(out io.Writer, texts []text, retired []retiredWord, how options) bool {
	var pages, packages []result
	clean := true
	for _, t := range texts {
		found := sentences(t.pieces)
		r := result{text: t, measures: measure(found), found: found, retired: uses(t, retired)}
		clean = clean && !r.measures.isOver() && len(r.retired) == 0
		if t.isGo {
			packages = append(packages, r)
		} else {
			pages = append(pages, r)
		}
	}
	fmt.Fprintf(out, "Limits: a mean of %.0f words in a sentence; %.0f %% of the sentences over %d words.\n",
		meanLimit, 100*shareLimit, longWords)
	writeTable(out, "page", pages, how)
	writeTable(out, "package", packages, how)
	for _, r := range slices.Concat(pages, packages) {
		writeRetired(out, r.retired)
	}
	return clean
}

// writeRetired names each retired word of a file once, at its first use.
func writeRetired(out io.Writer, found []use) {
	times := map[[2]string]int{}
	for _, u := range found {
		times[[2]string{u.file, u.word}]++
	}
	for _, u := range found {
		key := [2]string{u.file, u.word}
		switch n := times[key]; n {
		case 0: // already named
			continue
		case 1:
			fmt.Fprintf(out, "%s:%d: %q is retired: %s\n", u.file, u.line, u.word, u.instead)
		default:
			fmt.Fprintf(out, "%s:%d: %q is retired, %d times: %s\n", u.file, u.line, u.word, n, u.instead)
		}
		delete(times, key)
	}
}

// writeTable lists the texts over the limits, or all, the hardest first.
func writeTable(out io.Writer, what string, results []result, how options) {
	slices.SortStableFunc(results, func(a, b result) int { return cmp.Compare(b.measures.mean, a.measures.mean) })
	over := 0
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\nmean\tlong\tsentences\tretired\t\t  %s\n", what)
	for _, r := range results {
		mark, m := "", r.measures
		if m.isOver() {
			mark, over = "over", over+1
		} else if !how.all {
			continue
		}
		fmt.Fprintf(table, "%.1f\t%.1f %%\t%d\t%d\t%s\t  %s\n", m.mean, 100*m.long, m.sentences, len(r.retired), mark, r.name)
		if how.worst > 0 {
			table.Flush() //nolint:errcheck // a report to a terminal
			for _, s := range longest(r.found, how.worst) {
				fmt.Fprintf(out, "      %s:%d: %d words: %s\n", s.file, s.line, s.words, s.text)
			}
		}
	}
	table.Flush() //nolint:errcheck // a report to a terminal
	fmt.Fprintf(out, "%d of %d over a limit\n", over, len(results))
}
