package consume

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
)

// UnsupportedError says that this version does not handle an event of the contract yet. The event becomes a dead
// letter, which can be requeued once a version that handles it runs.
type UnsupportedError struct{ Type events.Type }

func (u UnsupportedError) Error() string { return string(u.Type) + " is not handled by this version" }

// IsPoison says whether the same messages are certain to cause the same error again: a panic, an event that is refused
// or that this version does not handle, or a value that Postgres refuses (SQLSTATE classes 21, 22 and 23).
func IsPoison(err error) bool {
	if _, ok := errors.AsType[loop.PanicError](err); ok {
		return true
	}
	if _, ok := errors.AsType[UnsupportedError](err); ok {
		return true
	}
	if _, ok := errors.AsType[events.RefusedError](err); ok {
		return true
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pgErr.Code) < 2 {
		return false
	}
	class := pgErr.Code[:2]
	return class == "21" || class == "22" || class == "23"
}

// shortReason describes an error for a dead letter. A panic or a database error may quote the data, so only its kind is
// named. The log has the full error.
func shortReason(err error) string {
	if _, ok := errors.AsType[loop.PanicError](err); ok {
		return "the worker panicked; its log has the stack"
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "the database refused it (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}
