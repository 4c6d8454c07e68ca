package rules

import (
	"strings"
	"unicode/utf8"
)

// Email is an address in two forms: as somebody wrote it, and the one normal form in which addresses compare.
type Email struct {
	Written string // trimmed, otherwise as it came; what a mail is sent to
	Normal  string // lower case, domain in ASCII; empty where Written is no valid address
}

// Domain is what follows the @, in its ASCII form; empty where there is no valid address.
func (e Email) Domain() string {
	_, domain, _ := strings.Cut(e.Normal, "@")
	return domain
}

// Masked shows just enough of an address to recognise it: p•••@example.com. No outcome, log or error carries more.
func (e Email) Masked() string {
	shown := e.Normal
	if shown == "" {
		shown = e.Written
	}
	if shown == "" {
		return ""
	}
	local, domain, found := strings.Cut(shown, "@")
	if !found || strings.Contains(domain, "@") {
		return "•••" // not an address: nothing of it is safe to show
	}
	first, size := utf8.DecodeRuneInString(local)
	if size == 0 {
		return "•••@" + domain
	}
	return string(first) + "•••@" + domain
}
