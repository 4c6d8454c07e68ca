package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// retiredWord is a row of the glossary's table.
type retiredWord struct {
	word    string
	isName  bool     // an identifier of Go; otherwise words of pages, comments and strings
	in      []string // files and folders where it is retired; none means everywhere
	instead string
	pattern *regexp.Regexp // what matches it
}

const (
	tableBegins = "<!-- retired words: begin -->"
	tableEnds   = "<!-- retired words: end -->"
	tableHead   = "| retired | kind | use instead |"
)

var errNoTable = errors.New("has no table of retired words between its markers")

// readRetired reads the rows between the glossary's markers. A row that is cut short, or that names a file or folder
// which does not exist, is an error.
func readRetired(root fs.FS, page string) ([]retiredWord, error) {
	content, err := fs.ReadFile(root, page)
	if err != nil {
		return nil, fmt.Errorf("the retired words: %w", err)
	}
	_, table, begun := strings.Cut(string(content), tableBegins)
	table, _, ended := strings.Cut(table, tableEnds)
	if !begun || !ended {
		return nil, fmt.Errorf("%s %w", page, errNoTable)
	}
	var found []retiredWord
	for row := range strings.Lines(table) {
		row = strings.TrimSpace(row)
		if row == "" || row == tableHead || ruler.MatchString(row) {
			continue
		}
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 3 {
			return nil, fmt.Errorf("%s: %q has %d cells, not 3", page, row, len(cells))
		}
		word, err := parseRetired(strings.Trim(cells[0], "`"), cells[1], cells[2])
		if err == nil {
			err = word.placesExist(root)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", page, err)
		}
		found = append(found, word)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s %w", page, errNoTable)
	}
	return found, nil
}

// parseRetired reads the cells of a row. The kind is "name" or "words", and may end with "in internal/a, internal/b".
func parseRetired(word, kind, instead string) (retiredWord, error) {
	kind, in, limited := strings.Cut(kind, " in ")
	r := retiredWord{word: word, isName: kind == "name", instead: instead}
	if limited {
		r.in = strings.Split(in, ", ")
	}
	quoted := strings.ReplaceAll(regexp.QuoteMeta(word), " ", `\s+`)
	switch kind {
	case "name":
		r.pattern = regexp.MustCompile(`^` + strings.ReplaceAll(quoted, `\*`, `.*`) + `$`)
	case "words":
		r.pattern = regexp.MustCompile(`(?i)(^|[^\pL\pN_])` + quoted + `($|[^\pL\pN_])`)
	default:
		return r, fmt.Errorf("%q is a %q, which is neither a name nor words", word, kind)
	}
	return r, nil
}

// placesExist returns an error if a word is retired in a file or folder that was moved: nothing would be found there.
func (r retiredWord) placesExist(root fs.FS) error {
	for _, place := range r.in {
		if _, err := fs.Stat(root, place); err != nil {
			return fmt.Errorf("%q is retired in %s: %w", r.word, place, err)
		}
	}
	return nil
}

// isIn says whether the word is retired in a file.
func (r retiredWord) isIn(file string) bool {
	return len(r.in) == 0 || slices.ContainsFunc(r.in, func(place string) bool {
		return file == place || strings.HasPrefix(file, place+"/")
	})
}

// use is one place where a retired word is used.
type use struct {
	piece
	retiredWord
}

// uses finds the retired words of a text, in the order of its files and lines.
func uses(t text, retired []retiredWord) []use {
	if t.name == glossary {
		return nil
	}
	var found []use
	for _, word := range retired {
		searched := slices.Concat(t.pieces, t.strings)
		if word.isName {
			searched = t.idents
		}
		for _, p := range searched {
			if word.isIn(p.file) && word.pattern.MatchString(p.text) {
				found = append(found, use{p, word})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b use) int { return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line) })
	return found
}
