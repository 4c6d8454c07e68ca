package events

import (
	"errors"
	"strings"
)

// Problems splits an error of [Decode] or [DecodeData], which joins all problems of one event, into those problems.
// Each has the field that it is in, or "event" if it is in none.
func Problems(err error) []FieldError {
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	problems := make([]FieldError, len(errs))
	for i, err := range errs {
		problems[i] = problemOf(err)
	}
	return problems
}

func problemOf(err error) FieldError {
	if named, ok := errors.AsType[FieldError](err); ok {
		return named
	}
	if field, problem, named := strings.Cut(err.Error(), ": "); named {
		return FieldError{field, problem}
	}
	return FieldError{"event", err.Error()}
}
