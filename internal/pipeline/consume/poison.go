package consume

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
)

// UnsupportedError says that this version does not handle an event of the contract yet. Among the dead letters the event
// waits for a version that does.
type UnsupportedError struct{ Type events.Type }

func (u UnsupportedError) Error() string { return string(u.Type) + " is not handled by this version" }

// isPoison says whether an error is certain to come again for the same messages: a panic, an event that this version does
// not handle, or a value that Postgres can't take (SQLSTATE classes 21, 22 and 23).
func isPoison(err error) bool {
	if _, ok := errors.AsType[loop.PanicError](err); ok {
		return true
	}
	if _, ok := errors.AsType[UnsupportedError](err); ok {
		return true
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pgErr.Code) < 2 {
		return false
	}
	class := pgErr.Code[:2]
	return class == "21" || class == "22" || class == "23"
}

// shortReason is an error fit for a dead letter: a panic or a database error may quote the data, so only its kind is told.
// The log has the rest.
func shortReason(err error) string {
	if _, ok := errors.AsType[loop.PanicError](err); ok {
		return "the worker panicked; its log has the stack"
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "the database refused it (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}
