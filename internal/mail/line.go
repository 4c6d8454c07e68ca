package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine collapses blanks and line ends into single blanks. It removes what no reader sees: control characters, which
// a header must not contain, and the directional overrides with which one name can pose as another.
func OneLine(s string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r) && r != '\u200e' && r != '\u200f' && r != '\u061c':
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(visible), " ")
}

// Shorten cuts s to at most limit characters. The last one is then an ellipsis.
func Shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit-1])) + "…"
}
