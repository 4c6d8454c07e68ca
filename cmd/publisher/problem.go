package main

import (
	"fmt"

	"portal-invites/internal/events"
)

// problem is one thing that is wrong with one event. It names the field and never repeats what stands in it.
type problem struct {
	Line  int    `json:"line,omitempty"` // 0 where there is only one event
	Field string `json:"field"`
	Text  string `json:"problem"`
}

func (p problem) String() string {
	if p.Line == 0 {
		return p.Field + ": " + p.Text
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Field, p.Text)
}

// problems is everything that is wrong with one event, as events.Decode found it.
func problems(err error) []problem {
	var found []problem
	for _, p := range events.Problems(err) {
		found = append(found, problem{Field: p.Field, Text: p.Problem})
	}
	return found
}

// badLines counts the events that something is wrong with.
func badLines(problems []problem) int {
	lines := map[int]bool{}
	for _, p := range problems {
		lines[p.Line] = true
	}
	return len(lines)
}
