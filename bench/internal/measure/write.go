package measure

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"time"
	"unicode"
)

// WriteBenchstat writes the samples in the Go benchmark format, one a line. benchstat can compare two runs, or the
// contenders of one run with `benchstat -col /by`.
func WriteBenchstat(w io.Writer, notes [][2]string, set Set) error {
	for _, note := range notes {
		if _, err := fmt.Fprintf(w, "%s: %s\n", note[0], note[1]); err != nil {
			return err
		}
	}
	for _, s := range set {
		if _, err := fmt.Fprintln(w, benchLine(s)); err != nil {
			return err
		}
	}
	return nil
}

func benchLine(s Sample) string {
	perOp, _ := s.Metric(PerOp)
	fields := []string{
		fmt.Sprintf("Benchmark%s/by=%s-%d", name(s.Row), s.By, runtime.NumCPU()), fmt.Sprint(s.Ops),
		fmt.Sprintf("%.1f %s", perOp, PerOp),
	}
	for _, unit := range s.Units() {
		fields = append(fields, fmt.Sprintf("%.4g %s", s.More[unit], unit))
	}
	return strings.Join(fields, "\t")
}

// name turns a row's name into a benchmark's: "events in, facts" into EventsInFacts.
func name(row string) string {
	var b strings.Builder
	upper := true
	for _, r := range row {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			upper = true
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// WriteTable writes the comparisons, and below them every contender's own numbers, in Markdown.
func WriteTable(w io.Writer, notes [][2]string, set Set, ratios []Ratio) error {
	var b strings.Builder
	for _, note := range notes {
		fmt.Fprintf(&b, "- %s: %s\n", note[0], note[1])
	}
	b.WriteString("\nA ratio is the median of the rounds' own ratios, with the least and the greatest of them.\n\n")
	b.WriteString("| what | ratio | min – max | wanted | reached |\n|---|---:|---:|---:|---|\n")
	for _, r := range ratios {
		s := set.Compare(r)
		fmt.Fprintf(&b, "| %s | %s | %s – %s | %s | %s |\n",
			r.Says, number(s.Median), number(s.Min), number(s.Max), r.Wanted(), r.Reached(s))
	}
	b.WriteString("\nThe numbers behind them, as medians over the rounds.\n\n")
	b.WriteString("| row | by | each | a second | min – max each | further |\n|---|---|---:|---:|---:|---|\n")
	seen := map[[2]string]bool{}
	for _, s := range set {
		key := [2]string{s.Row, s.By}
		if !seen[key] {
			seen[key] = true
			writeOwn(&b, set, s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeOwn(b *strings.Builder, set Set, s Sample) {
	each := set.Spread(s.Row, s.By, PerOp)
	var further []string
	for _, unit := range s.Units() {
		median := set.Spread(s.Row, s.By, unit).Median
		if what, isTime := strings.CutSuffix(unit, "-ns"); isTime {
			further = append(further, what+" "+duration(median))
		} else {
			further = append(further, number(median)+" "+unit)
		}
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s – %s | %s |\n", s.Row, s.By, duration(each.Median), number(1e9/each.Median),
		duration(each.Min), duration(each.Max), strings.Join(further, ", "))
}

// number formats a number with three significant digits.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

func duration(ns float64) string {
	if math.IsNaN(ns) {
		return "-"
	}
	d := time.Duration(ns)
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(100 * time.Nanosecond).String()
	}
}
