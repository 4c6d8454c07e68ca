package compose

import (
	"strings"
	"testing"

	"github.com/matcornic/hermes/v2"
	"golang.org/x/text/unicode/bidi"
	"pgregory.net/rapid"

	"portal-invites/internal/mail"
)

const ltr, rtl = hermes.TDLeftToRight, hermes.TDRightToLeft

func TestIsolate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		line     hermes.TextDirection
		isolated bool
	}{
		{"Dana Wu", ltr, false},
		{"Dana Wu", rtl, true},
		{"דנה", ltr, true},
		{"דנה", rtl, false},
		{"دانة", ltr, true},
		{"2024 דוח", ltr, true},
		{"2024 (!)", ltr, false},
		{"2024 (!)", rtl, false},
		{"Harbor (דנה)", ltr, true},
		{"", rtl, false},
	} {
		want := c.name
		if c.isolated {
			want = "\u2068" + c.name + "\u2069"
		}
		if got := isolate(c.name, c.line); got != want {
			t.Errorf("isolate(%q, %s) = %q, want %q", c.name, c.line, got, want)
		}
	}
}

func TestDirectionOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]hermes.TextDirection{
		"1. Hello":       ltr,
		"1. שלום Dana":   rtl,
		"مرحبا":          rtl,
		"12 ... (!)":     "otherwise",
		"":               "otherwise",
		"\xff\xfe, שלום": rtl,
	} {
		if got := directionOf(text, "otherwise"); got != want {
			t.Errorf("directionOf(%q) = %s, want %s", text, got, want)
		}
	}
}

// A file's name reads the same in a line of the other direction as alone. By the algorithm of Unicode Standard Annex 9,
// applied to the text part, its characters stay in order and together.
func TestNamesOfTheOtherDirectionStayWhole(t *testing.T) {
	t.Parallel()
	name := "Form 1120-S (2024).pdf"
	w := hebrew().write(clean(with(func(i *mail.Invitation) { i.ItemName = name })))
	for _, line := range []string{w.subject, w.details[0].name + ": " + w.details[0].value} {
		var p bidi.Paragraph
		if _, err := p.SetString(line, bidi.DefaultDirection(bidi.RightToLeft)); err != nil {
			t.Fatal(err)
		}
		order, err := p.Order()
		if err != nil {
			t.Fatal(err)
		}
		shown := ""
		for i := range order.NumRuns() {
			run := order.Run(i)
			if run.Direction() == bidi.LeftToRight {
				shown += "|" + run.String()
			}
		}
		if shown = strings.ReplaceAll(shown, "\u2060", ""); !strings.Contains(shown, "|"+name) {
			t.Errorf("%q is shown as %q", line, shown)
		}
	}
}

// What people type contains no isolates or overrides, so all that are in a mail are in pairs.
func TestIsolatesAreBalanced(t *testing.T) {
	t.Parallel()
	catalogs := everyCatalog(t)
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom(catalogs).Draw(t, "language").write(clean(anyInvitation(t)))
		for _, said := range append(w.values(), w.subject) {
			depth := 0
			for _, r := range said {
				switch r {
				case '\u2068':
					depth++
				case '\u2069':
					depth--
				case '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067':
					t.Errorf("%q holds %U", said, r)
				}
				if depth < 0 || depth > 1 {
					t.Errorf("isolates of %q are not in pairs", said)
				}
			}
			if depth != 0 {
				t.Errorf("an isolate of %q is left open", said)
			}
		}
	})
}
