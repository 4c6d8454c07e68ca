package main

import "testing"

// What is measured in part must not take the place of the numbers that the docs stand on.
func TestAPartialRunHasItsOwnResults(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]run{
		"latest": {Scale: 1},
		partial:  {Scale: 1, Rows: []string{"sending"}},
		"mine":   {Scale: 0.1, Name: "mine"},
	} {
		if got := r.name(); got != want {
			t.Errorf("%+v writes %s, want %s", r, got, want)
		}
	}
	if got := (run{Scale: 0.1}).name(); got != partial {
		t.Errorf("a tenth of the work writes %s, want %s", got, partial)
	}
}
