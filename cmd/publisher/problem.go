package main

import (
	"errors"
	"fmt"
	"strings"

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

// problems takes apart an error of events.Decode, which joins everything that is wrong with one event.
func problems(err error) []problem {
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	found := make([]problem, 0, len(errs))
	for _, err := range errs {
		if named, ok := errors.AsType[events.FieldError](err); ok {
			found = append(found, problem{Field: named.Field, Text: named.Problem})
			continue
		}
		field, text, ok := strings.Cut(err.Error(), ": ")
		if !ok {
			field, text = "event", err.Error()
		}
		found = append(found, problem{Field: field, Text: text})
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
