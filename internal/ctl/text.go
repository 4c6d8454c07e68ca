package ctl

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// The values of -o.
const (
	outputTable = "table"
	outputText  = "text"
	outputJSON  = "json"
	outputCSV   = "csv"
)

const (
	narrow = 80  // what every line must fit into
	wide   = 120 // longer lines are hard to read, even if they fit
)

// widthOf is the width to print at: 80 columns, or the width of the terminal if that is more, up to 120.
func widthOf(w io.Writer) int {
	if file, ok := terminal(w); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return min(max(columns, narrow), wide)
		}
	}
	return narrow
}

// terminal returns the writer as a file, and whether it is a terminal.
func terminal(w io.Writer) (*os.File, bool) {
	file, ok := w.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// printable replaces characters that a terminal would obey and not show. Names and dead letters are written by others.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, text)
}

// wrap breaks a text into lines of at most width columns, at spaces where it can.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(printable(text)) {
		if line != "" && runewidth.StringWidth(line)+1+runewidth.StringWidth(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for runewidth.StringWidth(word) > width {
			head := runewidth.Truncate(word, max(width, 2), "")
			lines, word = append(lines, head), word[len(head):]
		}
		line = word
	}
	return append(lines, line)
}

// say prints a text as a paragraph, with the indent before each line.
func say(w io.Writer, indent, format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), widthOf(w)-runewidth.StringWidth(indent)) {
		fmt.Fprintf(w, "%s%s\n", indent, line)
	}
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// count is "1 contact", "12 contacts".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
