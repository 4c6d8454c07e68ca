package mailtest

import (
	"regexp"
	"strings"
	"unicode"
)

// LinksIn returns what mail programs make links of in a line of text, each with the program's name before it. The
// programs are Gmail, Outlook, Apple Mail and Thunderbird. Their rules are in our own words, and take rather more for a
// link than the programs do.
func LinksIn(line string) []string {
	line = strings.Map(func(r rune) rune {
		if strings.ContainsRune("\u00ad\u200b\ufeff", r) { // some programs take these out first
			return -1
		}
		return r
	}, line)
	var found []string
	for _, p := range linkers {
		for _, pattern := range p.patterns {
			for _, link := range pattern.FindAllString(line, -1) {
				found = append(found, p.name+": "+strings.TrimSpace(link))
			}
		}
	}
	return append(found, thunderbird(line)...)
}

// Top-level domains that the table of names uses or that programs are known to look for, also without a scheme.
const topLevel = `com|org|net|edu|gov|info|biz|io|co|us|uk|de|me|app|dev|link|click|tax|cpa|zip|mov|md|sh|py|rs|ps|` +
	`example|test|onion|рф|中国|xn--[a-z0-9-]+`

// dot is what the rules of international domain names take for a dot (UTS 46).
const dot = `[.。．｡]`

var linkers = []struct {
	name     string
	patterns []*regexp.Regexp
}{
	// An address with a scheme or www, a mailbox, or a bare domain. Letters are those of ASCII.
	{"Gmail", compiled(
		`(?i)\b(?:https?|ftp|mailto):(?://)?[^\s]`,
		`(?i)\bwww\.[^\s]`,
		`[\w.!#$%&'*+/=?^{|}~-]+@[\w-]+(?:\.[\w-]+)+`,
		`(?i)\b[a-z0-9](?:[\w-]*\.)+(?:`+topLevel+`)\b`,
	)},
	// The same, more schemes, and the paths of file servers.
	{"Outlook", compiled(
		`(?i)\b(?:https?|ftp|file|mailto|news|outlook|onenote|callto|tel|sms|sip|skype|search-ms|ms-[a-z]+):\S`,
		`(?i)\b(?:data|javascript):\S`,
		`(?i)(?:^|[\s<("'\[])www\.\S`,
		`(?:^|[\s<("'])\\\\[^\s\\]`,
		`[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`,
	)},
	// Data detectors know every script and any scheme with slashes.
	{"Apple Mail", compiled(
		`(?i)[a-z][a-z0-9+.-]*://\S`,
		`(?i)\b(?:mailto|tel|sms|facetime|webcal):\S`,
		`[\pL\pN._%+-]+@[\pL\pN-]+(?:`+dot+`[\pL\pN-]+)+`,
		`(?i)[\pL\pN](?:[\pL\pN-]*`+dot+`)+(?:`+topLevel+`)(?:[^\pL\pN-]|$)`,
	)},
}

func compiled(patterns ...string) []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(patterns))
	for i, pattern := range patterns {
		list[i] = regexp.MustCompile(pattern)
	}
	return list
}

// thunderbird goes by the rules of mozTXTToHTMLConv, which looks at each colon, dot and @ of a line, and asks where an
// address around it begins and ends.
func thunderbird(line string) []string {
	var found []string
	text := []rune(line)
	for at, r := range text {
		switch r {
		case ':':
			if address := freeText(text, at); knownScheme.MatchString(address) {
				found = append(found, "Thunderbird: "+address)
			}
			if address := quoted(text, at); knownScheme.MatchString(address) {
				found = append(found, "Thunderbird, in brackets: "+address)
			}
		case '.':
			// Only www stands for an address by itself, and only at its beginning.
			if address := word(text, at, false); strings.HasPrefix(strings.ToLower(address), "www.") {
				found = append(found, "Thunderbird: "+address)
			}
		case '@':
			for _, address := range []string{word(text, at, true), quoted(text, at)} {
				if _, domain, _ := strings.Cut(address, "@"); strings.Contains(domain, ".") {
					found = append(found, "Thunderbird: mailto:"+address)
				}
			}
		}
	}
	return found
}

var knownScheme = regexp.MustCompile(`(?i)^(?:https?|ftp|file|mailto|news|snews|nntp|imap|ldaps?|data|javascript|` +
	`tel|sms|sip|skype|callto|xmpp|ircs?|webcals?|cid|mailbox|view-source|about|chrome|search-ms|ms-[a-z]+):.`)

// freeText is the address around the colon of a scheme.
func freeText(text []rune, at int) string {
	from := at
	for from > 0 && strings.ContainsRune(schemeRunes, unicode.ToLower(text[from-1])) {
		from--
	}
	if from == at || !unicode.IsLetter(text[from]) {
		return ""
	}
	return trimmed(text, from, at, func(r rune) bool { return strings.ContainsRune("<>\"`{}|", r) })
}

const schemeRunes = "abcdefghijklmnopqrstuvwxyz0123456789+-."

// word is the address around a dot or an @ that has no scheme. A mailbox is in ASCII.
func word(text []rune, at int, mailbox bool) string {
	from := at
	for from > 0 && !unicode.IsSpace(text[from-1]) && !strings.ContainsRune("<>\"'`,{[(|\\", text[from-1]) &&
		(!mailbox || text[from-1] < 0x80 && text[from-1] != ')') {
		from--
	}
	if from == at || text[from] >= 0x80 || !unicode.IsLetter(text[from]) && !unicode.IsDigit(text[from]) {
		return ""
	}
	return trimmed(text, from, at, func(r rune) bool {
		return strings.ContainsRune("<>\"`{}|", r) || mailbox && (r >= 0x80 || r == '(' || r == '\'')
	})
}

// trimmed is the text up to the first rune that ends an address, without the punctuation that belongs to the sentence.
func trimmed(text []rune, from, at int, ends func(rune) bool) string {
	to := at + 1
	for to < len(text) && !unicode.IsSpace(text[to]) && !ends(text[to]) {
		to++
	}
	for to > at+1 && strings.ContainsRune(".,;!?-:'", text[to-1]) {
		to--
	}
	if to == at+1 {
		return "" // nothing follows the colon, the dot or the @
	}
	return string(text[from:to])
}

// quoted is everything between brackets or quotation marks around a place, blanks included.
func quoted(text []rune, at int) string {
	from := at
	for from > 0 && !strings.ContainsRune("<>\"", text[from-1]) {
		from--
	}
	if from == 0 || text[from-1] == '>' {
		return ""
	}
	closing := map[rune]rune{'<': '>', '"': '"'}[text[from-1]]
	for to := at + 1; to < len(text); to++ {
		if strings.ContainsRune("<>\"", text[to]) {
			if text[to] == closing {
				return string(text[from:to])
			}
			break
		}
	}
	return ""
}
