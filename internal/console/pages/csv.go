package pages

import (
	"bytes"
	"net/http"

	"portal-invites/internal/sheet"
)

// download is a file for a spreadsheet.
type download struct {
	name string
	head []string
	rows [][]string
}

func (d download) write(w http.ResponseWriter) {
	var text bytes.Buffer
	list := sheet.New(&text, d.head...)
	for _, row := range d.rows {
		list.Row(row...)
	}
	_ = list.Close() // a buffer takes everything
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	_, _ = w.Write(text.Bytes())
}
