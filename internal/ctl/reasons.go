package ctl

import (
	"cmp"
	"io"
	"slices"
	"strconv"

	"portal-invites/internal/rules"
)

// printReasons is a table of reasons, the most frequent first.
func printReasons(w io.Writer, byReason map[rules.Code]int) {
	list := table{head: []string{"SKIPPED", "REASON", "CAN BE FIXED"}}
	for _, code := range byCount(byReason) {
		fixable := "yes"
		if code.Settled() {
			fixable = "nothing to fix"
		}
		list.add(strconv.Itoa(byReason[code]), string(code), fixable)
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
