package store

import (
	"bytes"
	"testing"
)

func TestAPlanHasItsRecipients(t *testing.T) {
	t.Parallel()
	name := func(b byte) []byte { return bytes.Repeat([]byte{b}, PlannedSize) }
	plan := NewPlanned([][]byte{name(9), name(3), name(5), name(3)})
	if len(plan) != 3*PlannedSize {
		t.Errorf("%d octets", len(plan))
	}
	for b, want := range map[byte]bool{0: false, 3: true, 4: false, 5: true, 9: true, 10: false} {
		if got := plan.Has([][]byte{name(200), name(b)}); got != want {
			t.Errorf("%d: %t", b, got)
		}
	}
	if Planned(nil).Has([][]byte{name(3)}) || plan.Has(nil) {
		t.Error("nobody is in it")
	}
}
