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

// mailObject is what SMTP transports: an envelope and a content (RFC 5321, section 2.3.1).
type mailObject struct {
	from, to string       // bare addresses
	bytes    []byte       // header and body
	mayLeave func() error // of the message
}

// withheld is an error if the mail may not leave any more, when it has come to a step.
func (o mailObject) withheld(step mail.Step) error {
	if o.mayLeave == nil {
		return nil
	}
	if err := o.mayLeave(); err != nil {
		return at(step, withheldError{err})
	}
	return nil
}

// build makes the whole mail before the server is asked, so that nothing of ours can fail after DATA: the server might
// take a mail that breaks off there for a complete one. Errors name the message's field, never its address.
//
// Every attempt builds and signs its mail again (ADR 27): the next attempt is minutes or days later, with the facts of
// that time, and usually in another worker. Within an attempt, a connection that is dialled again gets the same bytes.
func build(m mail.Message, from *netmail.Address, dkim DKIM) (mailObject, error) {
	to, err := bareAddress("to", m.To)
	if err != nil {
		return mailObject{}, err
	}
	if !mail.WellFormedMessageID(m.MessageID) {
		return mailObject{}, errors.New("message id: not of the form id@domain, without angle brackets")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	sender := mail.SenderName(m.FromName, from.String())
	msg.FromMailAddress(&netmail.Address{Name: displayName(sender), Address: from.Address})
	msg.ToMailAddress(&netmail.Address{Name: displayName(mail.InHeader(m.ToName, maxToName)), Address: to})
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
	// RFC 3834, section 5: vacation notes do not answer such a mail. Exchange goes by a header of its own, where All would
	// ask for no bounces either.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "OOF, AutoReply")
	if isOneClick(m.Content.Decline) {
		msg.SetGenHeader(listUnsubscribe, "<"+m.Content.Decline+">")
		msg.SetGenHeader(listUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	msg.SetGenHeader(mail.MailHeader, m.MessageID)
	if m.FirmID != "" {
		msg.SetGenHeader(mail.FirmHeader, m.FirmID)
	}
	if m.Content.Language != "" {
		msg.SetGenHeader("Content-Language", m.Content.Language) // RFC 3282; the tag of one of our catalogs
	}
	msg.Subject(mail.HeaderLine(m.Content.Subject))
	// The last alternative is the preferred one (RFC 2046, section 5.1.4).
	msg.SetBodyString(gomail.TypeTextPlain, m.Content.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.Content.HTML)

	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return mailObject{}, fmt.Errorf("content: %w", err)
	}
	signed, err := dkim.sign(b.Bytes(), isOneClick(m.Content.Decline))
	if err != nil {
		return mailObject{}, err
	}
	return mailObject{from: from.Address, to: to, bytes: signed, mayLeave: m.MayLeave}, nil
}

// The header fields of RFC 8058.
const (
	listUnsubscribe     = "List-Unsubscribe"
	listUnsubscribePost = "List-Unsubscribe-Post"
)

// longestOneClick keeps the field within a line of a mail (RFC 5322, section 2.1.1), because an address is not folded.
const longestOneClick = 900

// isOneClick says whether an address can be that of List-Unsubscribe, which must be https (RFC 8058, section 3.1).
func isOneClick(address string) bool {
	return strings.HasPrefix(address, "https://") && len(address) <= longestOneClick
}

// maxToName is how many characters of a recipient's name go into To.
const maxToName = 100

// displayName is a name for an address field. net/mail leaves a backslash in an encoded word, where it is not allowed
// (RFC 2047, section 5, rule 3), and strict readers would not find the address. No name needs one.
func displayName(name string) string { return strings.ReplaceAll(mail.OneLine(name), `\`, "/") }

// bareAddress is one address with its domain in ASCII, which every server on the way accepts (RFC 5891). So only the
// part before the @ may need SMTPUTF8.
func bareAddress(field, s string) (string, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" {
		return "", fmt.Errorf("%s: not an email address", field)
	}
	at := strings.LastIndexByte(a.Address, '@')
	if ascii, err := idna.Lookup.ToASCII(a.Address[at+1:]); err == nil {
		return a.Address[:at+1] + ascii, nil
	}
	return a.Address, nil // for example an address literal; the server decides about it
}
