package rules

import (
	"strings"
	"unicode/utf8"
)

// Email is an address in two forms: as a person wrote it, and in the one normal form in which addresses are compared.
type Email struct {
	Written string // trimmed, otherwise as it came; mail is sent to this form
	Normal  string // lower case, domain in ASCII; empty if Written is not a valid address
}

// Domain is the part after the @, in ASCII. It is empty if the address is not valid.
func (e Email) Domain() string {
	_, domain, _ := strings.Cut(e.Normal, "@")
	return domain
}

// Masked shows just enough of an address to recognize it: p•••@example.com. No outcome, log or error shows more.
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
		return "•••" // it is not an address, so no part of it is safe to show
	}
	first, size := utf8.DecodeRuneInString(local)
	if size == 0 {
		return "•••@" + domain
	}
	return string(first) + "•••@" + domain
}
