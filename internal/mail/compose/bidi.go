package compose

import (
	"unicode/utf8"

	"github.com/matcornic/hermes/v2"
	"golang.org/x/text/unicode/bidi"
)

// A name that reads in the other direction than the line it stands in would
// take the punctuation around it along: "(Ltd) Acme" for "Acme (Ltd)". Isolates
// keep a name's inside and the line apart (Unicode Standard Annex 9, section
// 2.4). They are characters that nobody sees, in both parts of a mail and in its
// subject; mail.OneLine has removed all that people typed.
const (
	isolateStart = "\u2068" // first strong isolate: the name's own first letter gives its direction
	isolateEnd   = "\u2069"
)

// isolate marks a name for a line of the given direction, if it has a letter of the other one.
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

// directionOf is that of a text's first letter, or otherwise if it has none.
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

// strong is the direction of the first character, "" if it has none of its own, and its length in bytes.
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
	default: // digits, punctuation and the like take on what is around them
	}
	return direction, size
}
