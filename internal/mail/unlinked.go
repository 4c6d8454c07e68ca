package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// joiner is the word joiner. Nobody sees it, no line breaks at it, and no mail program takes it for a part of an
// address.
const joiner = '\u2060'

// Unlinked returns a text that looks the same, and of which mail programs make no links (ADR 146). A joiner is before
// each dot and colon inside a word, and after ://. In a text with an @, brackets and quotation marks are other ones,
// because Thunderbird makes a link of whatever stands between them.
func Unlinked(text string) string {
	if !mayLink(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	mailbox := strings.Contains(text, "@")
	before, slashes := ' ', 0 // how much of :// has been read
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		next, _ := utf8.DecodeRuneInString(rest)
		clock := isDigit(before) && isDigit(next) // as in 12:30
		if insideWord(before, next) && (isDot(r) || r == ':' && !clock || r == '\\') {
			b.WriteRune(joiner)
		}
		if mailbox {
			r = otherMark(r)
		}
		b.WriteRune(r)
		if slashes = after(slashes, r); slashes == 3 && next != joiner && next != utf8.RuneError && !unicode.IsSpace(next) {
			b.WriteRune(joiner)
		}
		before = r
	}
	return b.String()
}

// after counts how much of :// has been read.
func after(read int, r rune) int {
	switch {
	case r == ':':
		return 1
	case r == '/' && (read == 1 || read == 2):
		return read + 1
	default:
		return 0
	}
}

// mayLink looks for what every address has. It is quick, because most names have none.
func mayLink(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.', c == ':', c == '\\':
			return true
		case c >= 0xe2: // the first byte of the other dots, and of many letters
			return true
		}
	}
	return false
}

// isDot says whether a domain name may have the character as its dot (UTS 46, section 4.5).
func isDot(r rune) bool { return r == '.' || r == '。' || r == '．' || r == '｡' || r == '\u2024' }

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// insideWord says whether a character between these two is inside a word, and has no joiner yet.
func insideWord(before, next rune) bool {
	return !unicode.IsSpace(before) && before != joiner && next != utf8.RuneError && !unicode.IsSpace(next)
}

// otherMark returns a mark that looks much the same and quotes nothing.
func otherMark(r rune) rune {
	switch r {
	case '<':
		return '‹'
	case '>':
		return '›'
	case '"':
		return '”'
	default:
		return r
	}
}
