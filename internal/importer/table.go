package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"portal-invites/internal/sheet"
)

// table has the file's rows of cells, without blank rows.
type table struct {
	header    record
	records   []record
	separator rune
}

// record is one row, with the line where it begins. Lines count from 1, as in an editor: line breaks in quotes count.
type record struct {
	line  int
	cells []string
}

func (r record) blank() bool {
	for _, cell := range r.cells {
		if clean(cell) != "" {
			return false
		}
	}
	return true
}

var separators = []rune{',', ';', '\t', '|'}

// readTable splits the text at the separator that gives the most known column names. To count the separators would go
// wrong for a quoted header like "Name, first".
func readTable(text string) (table, error) {
	text, declared, skipped := declaredSeparator(text)
	candidates := separators
	if declared != 0 {
		candidates = []rune{declared}
	}
	best, bestKnown := table{}, -1
	var firstErr error
	for _, separator := range candidates {
		header, err := headerOf(text, separator)
		if err != nil {
			firstErr = errors.Join(firstErr, err)
			continue
		}
		if known := knownColumns(header.cells); known > bestKnown {
			best, bestKnown = table{header: header, separator: separator}, known
		}
	}
	if bestKnown < 0 {
		return table{}, firstErr
	}
	return best.read(text, skipped)
}

// declaredSeparator reads the first line "sep=;", which Excel reads and writes.
func declaredSeparator(text string) (rest string, separator rune, skippedLines int) {
	line, rest, _ := strings.Cut(text, "\n")
	name, value, found := strings.Cut(strings.TrimRight(line, "\r"), "=")
	if runes := []rune(value); found && strings.EqualFold(strings.Trim(name, `"`), "sep") && len(runes) > 0 {
		for _, s := range separators {
			if runes[0] == s {
				return rest, s, 1
			}
		}
	}
	return text, 0, 0
}

func newReader(text string, separator rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separator
	r.FieldsPerRecord = -1
	return r
}

func headerOf(text string, separator rune) (record, error) {
	r := newReader(text, separator)
	for {
		rec, err := next(r, 0)
		if errors.Is(err, io.EOF) {
			return record{}, errors.New("header: the file is empty")
		}
		if err != nil || !rec.blank() {
			return rec, err
		}
	}
}

func (t table) read(text string, skippedLines int) (table, error) {
	r := newReader(text, t.separator)
	header := true
	for {
		rec, err := next(r, skippedLines)
		switch {
		case errors.Is(err, io.EOF):
			return t, nil
		case err != nil:
			return table{}, err
		case rec.blank():
		case header:
			t.header, header = rec, false
		default:
			t.records = append(t.records, rec)
		}
	}
}

func next(r *csv.Reader, skippedLines int) (record, error) {
	cells, err := r.Read()
	if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
		return record{}, fmt.Errorf("line %d: quoting: %s. Nothing can be imported, "+
			"since the end of this row can't be found", syntax.StartLine+skippedLines, quotingProblem(syntax.Err))
	}
	if err != nil {
		return record{}, err
	}
	for i, cell := range cells {
		cells[i] = sheet.Unguard(cell)
	}
	line, _ := r.FieldPos(0)
	return record{line + skippedLines, cells}, nil
}

func quotingProblem(err error) string {
	if errors.Is(err, csv.ErrBareQuote) {
		return `there is a " within a cell that does not begin with one: put the cell in quotes and write the inner one twice`
	}
	return `a quoted cell does not end, or has a single " in it: write an inner quote twice`
}

func separatorName(separator rune) string {
	switch separator {
	case ',':
		return "comma"
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	default:
		return string(separator)
	}
}
