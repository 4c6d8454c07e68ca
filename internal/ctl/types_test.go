package ctl

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/events"
)

// helpOf is what --help says about a flag.
func helpOf[C any](t *testing.T, field string) string {
	t.Helper()
	flag, ok := reflect.TypeFor[C]().FieldByName(field)
	if !ok {
		t.Fatalf("there is no %s", field)
	}
	return flag.Tag.Get("help")
}

// --process accepts every request that names people, and --help lists it.
func TestExplainTakesEveryProcess(t *testing.T) {
	t.Parallel()
	for _, typ := range invitesByName() {
		flag, err := processFlag(typ)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []explainCmd{{Process: flag}, {Type: string(typ)}} {
			if asked, err := c.asked(); asked != typ || err != nil {
				t.Errorf("--process %q --type %q asks about %q (%v), want %s", c.Process, c.Type, asked, err, typ)
			}
		}
		if !slices.Contains(strings.FieldsFunc(helpOf[explainCmd](t, "Process"),
			func(r rune) bool { return strings.ContainsRune(" ,.:", r) }), flag) {
			t.Errorf("explain --help does not name --process %s: internal/ctl/explain.go", flag)
		}
	}
	if _, err := (&explainCmd{Process: "smalltalk"}).asked(); err == nil ||
		!strings.HasPrefix(err.Error(), "--process: must be one of client-record, file, ") {
		t.Errorf("an unknown process is refused with %v", err)
	}
}

// Every type of outcome can be listed alone, is named in --help, and has words for a list.
func TestEveryOutcomeHasItsWords(t *testing.T) {
	t.Parallel()
	var have []events.Type
	for _, w := range allOutcomeWords {
		have = append(have, w.typ)
	}
	if !slices.Equal(have, events.OutcomeTypes()) {
		t.Errorf("internal/ctl/outcome.go has words for\n  %q\nthe types of outcomes are\n  %q", have, events.OutcomeTypes())
	}
	for _, typ := range events.OutcomeTypes() {
		if !strings.Contains(helpOf[outcomesCmd](t, "Type"), string(typ)) {
			t.Errorf("outcomes --help does not name --type %s: internal/ctl/outcomes.go", typ)
		}
	}
	newer := outcome{Type: "InviteRead", outcomeData: outcomeData{Kind: "invite"}}
	if newer.short() != "InviteRead" || newer.detail() != "invite" {
		t.Errorf("a type that only a newer worker knows: %q, %q", newer.short(), newer.detail())
	}
}
