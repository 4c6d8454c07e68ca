package api

import (
	"context"
	"errors"
	"fmt"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// The codes of errors have the meaning of HTTP.
const (
	codeInvalid     = 400
	codeNotFound    = 404
	codeConflict    = 409
	codeTooMany     = 429
	codeInternal    = 500
	codeUnavailable = 503
)

// Internal errors that have a message of their own for the caller.
var (
	errPanicked = errors.New("panicked")
	errStopping = errors.New("this worker is stopping; ask again")
	errBusy     = errors.New("too many calls wait for this worker; ask again in a moment")
	errLineFull = errors.New("too many calls of this firm wait for this worker; ask again in a moment")
	errNoTurn   = errors.New("the call's turn did not come in time, because others came first; ask again in a moment")
)

func invalid(format string, args ...any) error {
	return &Error{Code: codeInvalid, Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Code: codeNotFound, Message: fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &Error{Code: codeConflict, Message: fmt.Sprintf(format, args...)}
}

func tooMany(format string, args ...any) error {
	return &Error{Code: codeTooMany, Message: fmt.Sprintf(format, args...)}
}

// shownError is the error that the caller gets. It never has internal details.
func shownError(err error) *Error {
	if shown, ok := errors.AsType[*Error](err); ok {
		return shown
	}
	switch {
	case errors.Is(err, errLineFull):
		return &Error{Code: codeTooMany, Message: err.Error()}
	case errors.Is(err, errStopping), errors.Is(err, errBusy), errors.Is(err, errNoTurn):
		return &Error{Code: codeUnavailable, Message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{
			Code: codeUnavailable, Message: fmt.Sprintf(
				"this took longer than %s, or than the caller waits; ask again, or ask for less", deadline),
		}
	case errors.Is(err, store.ErrWentBack):
		return &Error{Code: codeUnavailable, Message: "the database was restored to an earlier moment; " +
			"ask again when an operator has mended that"}
	case store.Away(err):
		return &Error{Code: codeUnavailable, Message: "the database is away; ask again in a moment"}
	case events.Away(err):
		return &Error{Code: codeUnavailable, Message: "the streams are away; ask again in a moment"}
	default:
		return &Error{Code: codeInternal, Message: "this could not be answered; the worker's log says why"}
	}
}
