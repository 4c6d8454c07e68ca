package store

import (
	"errors"
	"io"
	"strings"
)

// isConnectionLoss finds what pgx reports of a connection that went away under a query. It has no type of its own for
// "conn closed", which is why the text is looked at there and nowhere else.
func isConnectionLoss(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(err.Error(), "conn closed")
}
