package ctl

import (
	"io"
	"time"

	"portal-invites/internal/sheet"
)

// writeCSV writes rows for a spreadsheet. The first one has the names of the columns.
func writeCSV(w io.Writer, rows [][]string) error {
	out := sheet.New(w, rows[0]...)
	for _, row := range rows[1:] {
		out.Row(row...)
	}
	return out.Close()
}

// inCSV writes a time as a spreadsheet reads it; nothing for none.
func inCSV(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.DateTime)
}
