// Package page puts the committed results of the benchmark into docs/performance.md, so that nobody types a number
// there.
package page

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Files of the main module, from its root.
const (
	Path    = "docs/performance.md"
	results = "bench/results"
)

// The numbers are between these lines of the page.
const (
	begins = "<!-- numbers: begin. Written by `make bench`; do not edit. -->\n"
	ends   = "<!-- numbers: end -->\n"
)

// shown are the results that the page has, in its order: the name of the file and what it measures.
var shown = [][2]string{
	{"latest", "Every row but growth and ledger"},
	{"long", "Growth and ledger"},
	{"ledger", "A larger ledger"},
}

// Update writes the results of the module at root into its page. It returns an error if a result is missing or if the
// page has no place for the numbers.
func Update(root string) error {
	path := filepath.Join(root, Path)
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the page of numbers: %w", err)
	}
	numbers, err := Render(root)
	if err != nil {
		return err
	}
	written, err := replace(old, numbers)
	if err != nil || bytes.Equal(old, written) {
		return err
	}
	if err := os.WriteFile(path, written, 0o644); err != nil { //nolint:gosec // G306: a page is for everybody
		return fmt.Errorf("the page of numbers: %w", err)
	}
	return nil
}

// Render makes the page's part of the numbers, in Markdown.
func Render(root string) (string, error) {
	var b strings.Builder
	for _, result := range shown {
		content, err := os.ReadFile(filepath.Join(root, results, result[0]+".md"))
		if err != nil {
			return "", fmt.Errorf("the results: %w", err)
		}
		r, err := read(string(content))
		if err != nil {
			return "", fmt.Errorf("%s/%s.md: %w", results, result[0], err)
		}
		fmt.Fprintf(&b, "\n### %s\n\n", result[1])
		r.write(&b, result[0])
	}
	return b.String() + "\n", nil
}

// replace puts numbers into a page.
func replace(old []byte, numbers string) ([]byte, error) {
	before, rest, begun := strings.Cut(string(old), begins)
	_, after, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		return nil, fmt.Errorf("%s: the lines %q and %q are missing", Path, begins, ends)
	}
	return []byte(before + begins + numbers + ends + after), nil
}
