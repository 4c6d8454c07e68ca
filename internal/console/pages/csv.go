package pages

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strings"
)

// download is a file for a spreadsheet.
type download struct {
	name string
	rows [][]string
}

func (d download) write(w http.ResponseWriter) {
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	for _, row := range d.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = harmless(cell)
		}
		_ = out.Write(cells) // a buffer takes everything
	}
	out.Flush()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	_, _ = w.Write(text.Bytes())
}

// harmless keeps a spreadsheet from taking a cell for a formula.
func harmless(cell string) string {
	trimmed := strings.TrimLeft(cell, " \t\r\n\u00a0\u3000")
	if trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(trimmed)[0]) {
		return "'" + cell
	}
	return cell
}
