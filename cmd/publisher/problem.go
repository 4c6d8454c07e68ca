package main

import (
	"fmt"

	"portal-invites/internal/events"
)

// problem is one problem of one event. It names the field and never has its value.
type problem struct {
	Line  int    `json:"line,omitempty"` // 0 if there is only one event
	Field string `json:"field"`
	Text  string `json:"problem"`
}

func (p problem) String() string {
	if p.Line == 0 {
		return p.Field + ": " + p.Text
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Field, p.Text)
}

// problems splits an error of events.Decode into the problems of the event.
func problems(err error) []problem {
	var found []problem
	for _, p := range events.Problems(err) {
		found = append(found, problem{Field: p.Field, Text: p.Problem})
	}
	return found
}

// badLines counts the events with problems.
func badLines(problems []problem) int {
	lines := map[int]bool{}
	for _, p := range problems {
		lines[p.Line] = true
	}
	return len(lines)
}
