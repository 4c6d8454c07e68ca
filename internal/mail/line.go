package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine collapses blanks and line ends into single blanks. It removes what no reader sees: control characters, which
// a header must not contain, and the directional overrides with which one name can pose as another.
func OneLine(s string) string {
	return line(s, func(r rune) bool {
		return unicode.Is(unicode.Bidi_Control, r) && r != '\u200e' && r != '\u200f' && r != '\u061c'
	})
}

// HeaderLine makes one line of what is composed, for a header. Unlike [OneLine], it keeps the isolates around names of
// the other writing direction (ADR 30). Those that people typed are gone by then.
func HeaderLine(s string) string { return line(s, func(rune) bool { return false }) }

func line(s string, unwanted func(rune) bool) string {
	if isPlainLine(s) {
		return s
	}
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unwanted(r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(visible), " ")
}

// isPlainLine recognises most lines: printable ASCII, with single blanks inside.
func isPlainLine(s string) bool {
	before := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return before != ' ' || s == ""
}

// Shorten cuts s to at most limit characters. The last one is then an ellipsis.
func Shorten(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit-1])) + "…"
}
