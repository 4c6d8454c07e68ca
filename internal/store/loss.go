package store

import (
	"errors"
	"io"
	"strings"
)

// isConnectionLoss says whether pgx reports that a connection was lost during a query. pgx has no type for its error
// "conn closed", so this function alone looks at an error's text.
func isConnectionLoss(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(err.Error(), "conn closed")
}
