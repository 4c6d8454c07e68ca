package mailtest

import (
	_ "embed"
	"strconv"
	"strings"
	"testing"
)

//go:embed replies.txt
var repliesTable string

// Refusal is a refusal in a real server's words, and what must follow from it.
type Refusal struct {
	Server         string // who says so
	Reply          string // code, enhanced code if there is one, words
	InConversation string // suppressed, refused, unclear, misconfigured or throttled
	InReport       string // the reason of package bounce
}

// Refusals are all rows of replies.txt.
func Refusals(tb testing.TB) (all []Refusal) {
	tb.Helper()
	for line := range strings.Lines(repliesTable) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		cells := tableCells(line)
		if len(cells) != 4 {
			tb.Fatalf("a row with %d columns: %s", len(cells), line)
		}
		all = append(all, Refusal{cells[0], cells[1], cells[2], cells[3]})
	}
	return all
}

// Split returns the code and what follows it.
func (r Refusal) Split(tb testing.TB) (code int, words string) {
	tb.Helper()
	code, err := strconv.Atoi(r.Reply[:3])
	if err != nil {
		tb.Fatalf("%s: no code: %v", r.Reply, err)
	}
	return code, r.Reply[len("550 "):]
}
