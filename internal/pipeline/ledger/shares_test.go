package ledger_test

import (
	"maps"
	"testing"

	"portal-invites/internal/pipeline/ledger"
)

// One firm's requests do not use up the room for invites that are sent at once.
func TestRoomIsSharedAmongFirms(t *testing.T) {
	t.Parallel()
	type firms map[string]int
	for name, c := range map[string]struct {
		wants firms
		room  int
		want  firms
	}{
		"no room":                           {firms{"a": 3}, 0, firms{"a": 0}},
		"one firm":                          {firms{"a": 500}, 64, firms{"a": 64}},
		"room for all":                      {firms{"a": 5, "b": 1}, 64, firms{"a": 5, "b": 1}},
		"one wants little":                  {firms{"a": 499, "b": 1}, 64, firms{"a": 63, "b": 1}},
		"room for one":                      {firms{"a": 499, "b": 1}, 1, firms{"a": 0, "b": 1}},
		"all want much":                     {firms{"a": 90, "b": 100, "c": 100}, 31, firms{"a": 11, "b": 10, "c": 10}},
		"what one leaves is for the others": {firms{"a": 100, "b": 4, "c": 100}, 30, firms{"a": 13, "b": 4, "c": 13}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ledger.FairShares(c.wants, c.room); !maps.Equal(got, c.want) {
				t.Errorf("%v share %d as %v, want %v", c.wants, c.room, got, c.want)
			}
		})
	}
}
