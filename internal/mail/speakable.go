package mail

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxSaid limits what is kept of a server's words, in characters.
const maxSaid = 200

var (
	// A spam filter may quote the link that it rejects, and the link is a secret. The host stays: it is often the
	// blocklist's, and tells ops where to look.
	quotedURL  = regexp.MustCompile(`(?i)(https?://[^\s/?#]+)[/?#]\S*`)
	quotedPath = regexp.MustCompile(`(?i)/invite/\S+`)
	// A token without its link: the id of a key, and what it signed.
	quotedToken = regexp.MustCompile(`\b[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{40,}`)
	quotedMail  = regexp.MustCompile(`[^\s<>()\[\],;:=/]+@(\[[^\]\s]*\]|[^\s<>()\[\],;:]+)`)
)

// Speakable makes the words of a server, or of an error, safe to keep: one line, no link, no token of one, no full
// email address, and at most 200 characters.
func Speakable(words string) string {
	s := OneLine(words)
	s = quotedURL.ReplaceAllString(s, "$1/…")
	s = quotedPath.ReplaceAllString(s, "/invite/…")
	s = quotedToken.ReplaceAllString(s, "…")
	s = quotedMail.ReplaceAllStringFunc(s, maskAddress)
	return Shorten(s, maxSaid)
}

// maskAddress keeps what the contract allows: p•••@example.com.
func maskAddress(address string) string {
	first, _ := utf8.DecodeRuneInString(address)
	return string(first) + "•••" + address[strings.LastIndexByte(address, '@'):]
}
