package rules

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/wording"
)

// The catalogs have words for each code and each process, and no others. Each case of a code is one that a rule names.
func TestEveryReasonHasItsWords(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{"bounce": true, "complaint": true, wording.Plain: true}
	for _, c := range regexp.MustCompile(`"([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		named[c[1]] = true
	}
	for _, tag := range wording.Languages() {
		c := wording.In(tag)
		var codes []string
		for _, code := range Codes() {
			codes = append(codes, string(code))
		}
		slices.Sort(codes)
		if have := slices.Sorted(maps.Keys(c.Reasons)); !slices.Equal(have, codes) {
			t.Errorf("internal/wording/catalog/%s.yaml has reasons\n%q\nthe table has\n%q", tag, have, codes)
		}
		for code, cases := range c.Reasons {
			for which := range cases {
				if !named[which] {
					t.Errorf("internal/wording/catalog/%s.yaml: no rule has the case %s.%s", tag, code, which)
				}
			}
		}
		for _, process := range Processes() {
			if c.Process(string(process)) == "" {
				t.Errorf("internal/wording/catalog/%s.yaml has no words for processes.%s", tag, process)
			}
		}
		if len(c.Processes) != len(Processes()) {
			t.Errorf("internal/wording/catalog/%s.yaml has words for %d processes, there are %d", tag, len(c.Processes),
				len(Processes()))
		}
	}
}

// A reason says the same in another language: each contract row, with the names that it gave in English.
func TestReasonsInAnotherLanguage(t *testing.T) {
	t.Parallel()
	catalog := wording.In("es")
	for _, row := range contract {
		s := setTheScene(row.askedFor[0])
		row.when(s)
		english := s.decide().Reasons
		spanish := InWords(english, catalog)[0]
		if spanish.Explanation == row.explanation || spanish.Explanation == "" || spanish.Remedy == "" ||
			spanish.Code != row.code {
			t.Errorf("%s is said as %q → %q", row.code, spanish.Explanation, spanish.Remedy)
		}
		for _, name := range []string{"Dana Wu", "Blue Bottle LLC", "Omar Haddad", "d•••@bluebottle.example", "spring"} {
			in := func(r Reason) bool { return strings.Contains(r.Explanation+r.Remedy, name) }
			if in(spanish) != in(english[0]) {
				t.Errorf("%s: %q is named in one of %q and %q", row.code, name, english[0].Explanation, spanish.Explanation)
			}
		}
	}
}
