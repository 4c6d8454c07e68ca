package compose

import (
	"unicode/utf8"

	"github.com/matcornic/hermes/v2"
	"golang.org/x/text/unicode/bidi"
)

// A name of the other direction than its line would pull the punctuation around it along: "(Ltd) Acme" for "Acme
// (Ltd)". Isolates separate the name from the line (Unicode Standard Annex 9, section 2.4; ADR 30). They are invisible
// characters, in both parts of a mail and in its subject. mail.OneLine has removed any that people typed.
const (
	isolateStart = "\u2068" // first strong isolate: the direction is that of the name's first letter
	isolateEnd   = "\u2069"
)

// isolate puts isolates around a name if one of its letters has another direction than the line.
func isolate(name string, line hermes.TextDirection) string {
	for rest := name; rest != ""; {
		direction, size := strong(rest)
		if direction != "" && direction != line {
			return isolateStart + name + isolateEnd
		}
		rest = rest[size:]
	}
	return name
}

// directionOf is the direction of the first letter of a text, or otherwise if it has no letter.
func directionOf(text string, otherwise hermes.TextDirection) hermes.TextDirection {
	for text != "" {
		direction, size := strong(text)
		if direction != "" {
			return direction
		}
		text = text[size:]
	}
	return otherwise
}

// strong is the direction of the first character ("" if it has none), and its length in bytes.
func strong(s string) (direction hermes.TextDirection, size int) {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError {
		return "", size
	}
	properties, _ := bidi.LookupRune(r)
	switch properties.Class() {
	case bidi.L:
		direction = hermes.TDLeftToRight
	case bidi.R, bidi.AL:
		direction = hermes.TDRightToLeft
	default: // digits, punctuation and the like have the direction of their neighbours
	}
	return direction, size
}
