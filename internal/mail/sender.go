package mail

import (
	"cmp"
	netmail "net/mail"
	"regexp"
	"strings"
)

// maxSenderFirm is how many characters of a firm's name go into From. A phone shows about 30.
const maxSenderFirm = 64

// SenderName is what readers see as the sender: "Acme CPA via Client Portal" (ADR 32). The firm did not send the mail
// itself. A name that says so does not look like a forgery, and does not harm the firm's own domain. from is SMTP_FROM;
// if it has no name, its domain is used.
func SenderName(firm, from string) string {
	a, err := netmail.ParseAddress(from)
	if err != nil {
		return InHeader(firm, maxSenderFirm)
	}
	firm, via := OneLine(firm), OneLine(a.Name)
	switch {
	case firm == "":
		return via
	case strings.EqualFold(firm, via): // the firm runs this itself
		return firm
	default:
		return InHeader(firm, maxSenderFirm) + " via " + cmp.Or(via, DomainOf(from))
	}
}

// DomainOf is the domain of from, an SMTP_FROM, or "" if it has no address.
func DomainOf(from string) string {
	a, err := netmail.ParseAddress(from)
	if err != nil {
		return ""
	}
	return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
}

var senderSetting = regexp.MustCompile(`\bSMTP_([A-Z_]+)\b`)

// SenderFields replaces the names of settings by those of the fields of a sender in the file of SMTP_SENDERS: SMTP_HOST
// by host, for example.
func SenderFields(words string) string {
	return senderSetting.ReplaceAllStringFunc(words, func(name string) string {
		return strings.ToLower(strings.TrimPrefix(name, "SMTP_"))
	})
}
