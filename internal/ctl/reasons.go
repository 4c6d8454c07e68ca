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

// printReasons prints a table of a run's reasons, the most frequent first. A contact is counted under its first reason
// only. So a contact who is not Primary but is invited already is counted under contact_not_primary, although nothing
// needs fixing: even if they were made Primary, they would not be invited again.
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
