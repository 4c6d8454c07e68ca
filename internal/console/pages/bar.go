package pages

import (
	"fmt"

	"portal-invites/internal/api"
)

// bar is an addition, drawn and written: the parts, and their total.
type bar struct {
	Label string // the whole addition in words
	Parts []part
	Total part
}

// part is one part of an addition.
type part struct {
	Class, Word, Number string
	X, Width            string // where it stands in the drawing, in percent
	Drawn               bool   // it is not 0

	n int
}

const (
	// thinnest is how wide a part is at least, in percent, so that 2 of 20,000 can be seen.
	thinnest = 0.4
	gap      = 0.15
)

// newBar draws an addition.
func (f *frame) newBar(label string, total part, parts ...part) bar {
	total.Number = f.Num(total.n)
	b := bar{Label: label, Parts: parts, Total: total}
	widths := widthsOf(parts, total.n)
	at := 0.0
	for i := range b.Parts {
		p := &b.Parts[i]
		p.Number = f.Num(p.n)
		if p.n <= 0 || total.n <= 0 {
			continue
		}
		p.Drawn = true
		p.X, p.Width = percent(at), percent(max(widths[i]-gap, thinnest/2))
		at += widths[i]
	}
	return b
}

// widthsOf are the shares of a total, in percent. What a small part gets more, the largest gets less.
func widthsOf(parts []part, total int) []float64 {
	widths := make([]float64, len(parts))
	taken, largest := 0.0, 0
	for i, p := range parts {
		if p.n <= 0 || total <= 0 {
			continue
		}
		widths[i] = 100 * float64(p.n) / float64(total)
		if widths[i] < thinnest {
			taken += thinnest - widths[i]
			widths[i] = thinnest
		}
		if p.n > parts[largest].n {
			largest = i
		}
	}
	widths[largest] -= taken
	return widths
}

func percent(x float64) string { return fmt.Sprintf("%.2f%%", x) }

// runBar draws the sums of a run.
func (f *frame) runBar(r api.Run) bar {
	label := f.T("bar.label", "selected", f.Num(r.Selected), "sent", f.Num(r.Sent), "skipped", f.Num(r.Skipped),
		"failed", f.Num(r.Failed), "pending", f.Num(r.Pending))
	total := part{Word: f.T("selected"), n: r.Selected}
	if r.State == api.Walking {
		total.Word = f.T("selected.sofar")
	}
	return f.newBar(label, total,
		part{Class: "sent", Word: f.T("sent"), n: r.Sent}, part{Class: "skipped", Word: f.T("skipped"), n: r.Skipped},
		part{Class: "failed", Word: f.T("failed"), n: r.Failed}, part{Class: "pending", Word: f.T("pending"), n: r.Pending})
}
