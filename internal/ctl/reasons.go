package ctl

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"portal-invites/internal/api"
	"portal-invites/internal/rules"
)

// printReasons is a table of a run's reasons, the most frequent first. Who is invited already, say, and is not Primary either,
// stands under the first of the two, and there is nothing to fix about them.
func printReasons(w io.Writer, run api.Run) {
	list := table{head: []string{"SKIPPED", "REASON", "CAN BE FIXED"}}
	for _, code := range byCount(run.ByReason) {
		n, fixable := run.ByReason[code], run.Fixable[code]
		said := fmt.Sprintf("%d of %d", fixable, n)
		switch fixable {
		case n:
			said = "yes"
		case 0:
			said = "nothing to fix"
		}
		list.add(strconv.Itoa(n), string(code), said)
	}
	list.write(w)
}

func byCount(byReason map[rules.Code]int) []rules.Code {
	codes := make([]rules.Code, 0, len(byReason))
	for code, n := range byReason {
		if n > 0 {
			codes = append(codes, code)
		}
	}
	slices.SortFunc(codes, func(a, b rules.Code) int {
		return cmp.Or(cmp.Compare(byReason[b], byReason[a]), cmp.Compare(a, b))
	})
	return codes
}
