package mail

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// InHeader returns a name for From, To or the subject, cut to at most limit characters (0: all of it). Filters count
// characters that nobody sees against a mail. So what looks like an address is broken up by blanks, which everybody
// sees (ADR 146): "https ://evil. example". So is the beginning of an encoded word (RFC 2047), which readers would
// decode.
func InHeader(name string, limit int) string {
	name = brokenUp(OneLine(strings.Map(seen, name)))
	if limit > 0 {
		// A shorter name may end in another domain: evil.company in evil.co.
		name = brokenUp(Shorten(name, limit))
	}
	return name
}

// seen leaves out characters without a width. Two joiners stay: some scripts and emojis need them.
func seen(r rune) rune {
	switch r {
	case '\u00ad', '\u034f', '\u180e', '\u200b', joiner, '\u2061', '\u2062', '\u2063', '\u2064', '\ufeff':
		return -1
	default:
		return r
	}
}

// brokenUp puts a blank into each address of a line.
func brokenUp(line string) string {
	if strings.Contains(line, "=?") {
		line = strings.ReplaceAll(line, "=?", "= ?")
	}
	if !mayLink(line) {
		return line
	}
	if strings.Contains(line, "@") {
		line = strings.Map(otherMark, line)
	}
	var b strings.Builder
	b.Grow(len(line) + 8)
	for word := range strings.SplitSeq(line, " ") {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if mayLink(word) {
			writeBroken(&b, word)
		} else {
			b.WriteString(word)
		}
	}
	return b.String()
}

// address recognises a word that some program makes a link of, whatever its last part is.
var address = regexp.MustCompile(`(?i)\b(?:https?|ftp|file|mailto|tel|sms|sip|skype|callto|facetime|webcal|data|` +
	`javascript|news|nntp|ldaps?|imap|xmpp|ircs?|outlook|onenote|search-ms|ms-[a-z]+):|` +
	`://|@|\bwww\d?` + dots + `|^\W*\\\\`)

// dots are those of [isDot].
const dots = `[.。．｡․]`

func writeBroken(b *strings.Builder, word string) {
	whole := address.MatchString(word)
	before := ' '
	for i, r := range word {
		next := word[i+utf8.RuneLen(r):]
		if before != ' ' && next != "" && (r == ':' && whole || r == '\\' && before == '\\') {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		if next != "" && isDot(r) && (whole || isTopLevel(next)) {
			b.WriteByte(' ')
		}
		before = r
	}
}

// isTopLevel says whether a text begins with a top-level domain. 1120-S.pdf is a file, and acme.com is an address. The
// list is that of the registries' domains, with those that are reserved (RFC 2606, RFC 6761, RFC 7686).
func isTopLevel(text string) bool {
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' })
	if end < 0 {
		end = len(text)
	}
	label, err := idna.Lookup.ToASCII(text[:end])
	if err != nil || label == "" {
		return false
	}
	switch label {
	case "example", "test", "invalid", "localhost", "local", "onion", "internal":
		return true
	}
	_, registered := publicsuffix.PublicSuffix("x." + label)
	return registered
}
