package words

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var gap = regexp.MustCompile(`\{[a-z]+\}`)

// Each text is there in every language, with the same gaps.
func TestEveryTextIsInEveryLanguage(t *testing.T) {
	t.Parallel()
	for key, text := range table {
		want := gap.FindAllString(text[English], -1)
		slices.Sort(want)
		for _, l := range Languages() {
			if strings.TrimSpace(text[l]) == "" {
				t.Errorf("%s: has no text in %s", key, l)
			}
			got := gap.FindAllString(text[l], -1)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s has the gaps %q, want %q", key, l, got, want)
			}
		}
		if len(text) != len(Languages()) {
			t.Errorf("%s: is in %d languages", key, len(text))
		}
		if base, one := strings.CutSuffix(key, ".1"); one && !strings.HasPrefix(key, "month") && !Has(base+".n") {
			t.Errorf("%s: has no form for many", key)
		}
	}
}

// Each text that a page asks for by name is in the table, and each text of the table is asked for.
func TestTheTableHasWhatPagesSay(t *testing.T) {
	t.Parallel()
	asked := regexp.MustCompile(`(?:\.T|\.N) "([a-z.]+)"|\.(?:T|N|Known)\("([a-z.]+)"`)
	var code strings.Builder
	for _, pattern := range []string{"../pages/*.go", "../pages/templates/*.html"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(raw)
		}
	}
	for _, match := range asked.FindAllStringSubmatch(code.String(), -1) {
		key := match[1] + match[2]
		if !Has(key) && !Has(key+".n") && !strings.HasSuffix(key, ".") {
			t.Errorf("a page asks for %q, which is not in words.yaml", key)
		}
	}
}

// A count has its form, and a number the separators of its language.
func TestCountsAndNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		l    Language
		n    int
		want string
	}{
		{English, 0, "nobody is selected so far."}, {English, 1, "1 person is selected so far."},
		{English, 4012, "4,012 people are selected so far."}, {Spanish, 14012, "14.012 personas seleccionadas hasta ahora."},
		{French, 4012, "4\u202f012 personnes sélectionnées jusqu’ici."},
	} {
		got := NewPrinter(c.l, time.UTC, time.Now()).N("run.lead.walking", c.n)
		if strings.ReplaceAll(got, "\u00a0", "\u202f") != c.want {
			t.Errorf("%s, %d: %q, want %q", c.l, c.n, got, c.want)
		}
	}
}

// Times are those of the firm, also around midnight and around the new year.
func TestTimes(t *testing.T) {
	t.Parallel()
	denver, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 13, 5, 30, 0, 0, time.UTC) // still the 12th in Denver
	p := NewPrinter(English, denver, now)
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 12, 15, 1, 2, 0, time.UTC): "today at 8:01 am",
		time.Date(2026, 1, 12, 6, 59, 0, 0, time.UTC): "Jan 11, 11:59 pm",
		time.Date(2026, 1, 1, 6, 59, 0, 0, time.UTC):  "Dec 31, 2025, 11:59 pm",
	} {
		if got := p.At(at); got != want {
			t.Errorf("%s is %q, want %q", at, got, want)
		}
	}
	if got := p.ZoneCity(); got != "Denver" {
		t.Errorf("the city is %q", got)
	}
	french := NewPrinter(French, denver, now)
	if got := french.FullDay(now) + " " + french.Second(now); got != "12 janvier 2026 22:30:00" {
		t.Errorf("in French it is %q", got)
	}
}

func TestTheLanguageOfAReader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ chosen, accepted, want string }{
		{"", "", "en"}, {"", "fr-CA,en;q=0.5", "fr"}, {"", "de,es;q=0.4", "es"}, {"es", "fr", "es"}, {"xx", "fr", "fr"},
		{"", "\x00;;", "en"},
	} {
		if got := Choose(c.chosen, c.accepted); string(got) != c.want {
			t.Errorf("%q, %q: %s, want %s", c.chosen, c.accepted, got, c.want)
		}
	}
}
