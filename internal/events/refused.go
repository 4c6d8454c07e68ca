package events

import (
	"fmt"
	"slices"
	"strings"
)

// RefusedError is the error of a batch in which some events can never be handled: why, by their sequences. The other
// events can be handled without them.
type RefusedError map[uint64]error

func (r RefusedError) Error() string {
	reasons := make([]string, 0, len(r))
	for sequence, reason := range r {
		reasons = append(reasons, fmt.Sprintf("sequence %d: %s", sequence, reason))
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}
