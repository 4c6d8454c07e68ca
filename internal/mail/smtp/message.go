package smtp

import (
	"bytes"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"portal-invites/internal/mail"
)

// mailObject is what SMTP carries: an envelope and a content (RFC 5321, section 2.3.1).
type mailObject struct {
	from, to string // bare addresses
	bytes    []byte // header and body
}

// build makes the whole mail before the server hears of it, so that nothing
// of ours can fail once DATA has begun: a mail broken off there may still be
// taken for a complete one. Errors name the message's field, never its address.
//
// It is built, and signed, once for every attempt and not kept for the next: that
// is minutes or days later, on whatever the facts say by then, and as a rule in
// another worker. Within an attempt, a connection that has to be dialled again
// gets the same bytes.
func build(m mail.Message, from *netmail.Address, dkim DKIM) (mailObject, error) {
	to, err := bareAddress("to", m.To)
	if err != nil {
		return mailObject{}, err
	}
	if !mail.WellFormedMessageID(m.MessageID) {
		return mailObject{}, errors.New("message id: not of the form id@domain, without angle brackets")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: displayName(mail.SenderName(m.FromName, from.String())), Address: from.Address})
	msg.ToMailAddress(&netmail.Address{Name: displayName(m.ToName), Address: to})
	if m.ReplyTo != "" {
		replyTo, err := bareAddress("reply_to", m.ReplyTo)
		if err != nil {
			return mailObject{}, err
		}
		msg.ReplyToMailAddress(&netmail.Address{Address: replyTo})
	}
	msg.SetMessageIDWithValue(m.MessageID)
	if !m.Date.IsZero() {
		msg.SetDateWithValue(m.Date)
	}
	// RFC 3834, section 5: no vacation note answers a mail that says so.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.FirmID != "" {
		msg.SetGenHeader(mail.FirmHeader, m.FirmID)
	}
	if m.Content.Language != "" {
		msg.SetGenHeader("Content-Language", m.Content.Language) // RFC 3282; one of our catalogs' tags
	}
	msg.Subject(mail.OneLine(m.Content.Subject))
	// The last alternative is the preferred one (RFC 2046, section 5.1.4).
	msg.SetBodyString(gomail.TypeTextPlain, m.Content.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.Content.HTML)

	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return mailObject{}, fmt.Errorf("content: %w", err)
	}
	signed, err := dkim.sign(b.Bytes())
	if err != nil {
		return mailObject{}, err
	}
	return mailObject{from: from.Address, to: to, bytes: signed}, nil
}

// displayName is a name for an address field. A backslash, which no name needs,
// is left by net/mail in an encoded word, where it may not stand (RFC 2047,
// section 5, rule 3), and readers that hold to it would not find the address.
func displayName(name string) string { return strings.ReplaceAll(mail.OneLine(name), `\`, "/") }

// bareAddress is one address, its domain in the ASCII form, which every server
// on the way takes (RFC 5891); only what stands before the @ may need SMTPUTF8.
func bareAddress(field, s string) (string, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" {
		return "", fmt.Errorf("%s: not an email address", field)
	}
	at := strings.LastIndexByte(a.Address, '@')
	if ascii, err := idna.Lookup.ToASCII(a.Address[at+1:]); err == nil {
		return a.Address[:at+1] + ascii, nil
	}
	return a.Address, nil // an address literal, say; the server knows whether it takes it
}
