package mail

import (
	"cmp"
	netmail "net/mail"
	"strings"
)

// maxSenderFirm is how much of a firm's name stands in From, in characters. A
// phone shows about 30.
const maxSenderFirm = 64

// SenderName is what readers see as the sender: "Acme CPA via Client Portal".
// The firm did not send the mail itself, and a name that says so is neither
// taken for a forgery nor held against the firm's own domain. from is SMTP_FROM;
// without a name in it, its domain is named.
func SenderName(firm, from string) string {
	a, err := netmail.ParseAddress(from)
	if err != nil {
		return OneLine(firm)
	}
	firm, via := Shorten(OneLine(firm), maxSenderFirm), OneLine(a.Name)
	switch {
	case firm == "":
		return via
	case strings.EqualFold(firm, via): // a firm that runs this for itself
		return firm
	default:
		return firm + " via " + cmp.Or(via, DomainOf(from))
	}
}

// DomainOf is the domain of from, an SMTP_FROM; "" where there is no address.
func DomainOf(from string) string {
	a, err := netmail.ParseAddress(from)
	if err != nil {
		return ""
	}
	return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
}
