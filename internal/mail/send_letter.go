package mail

import (
	"bytes"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// Letter is a mail with its addresses, ready to be sent to one person.
type Letter struct {
	MessageID  string // without angle brackets; the same at every attempt, so that a second copy can be told
	FromName   string // the firm's name, which SenderName completes. The address is Config.From's
	To, ToName string // one address and a name, which may be empty
	ReplyTo    string // an address, or empty
	FirmID     string // goes into FirmHeader; may be empty
	Content    Content
	Date       time.Time // when the mail was written; zero means now
}

// MessageID names one invite's mail at one nonce (RFC 5322, section 3.6.4), in
// the domain of the from address. Attempts of the same mail share it; a resend
// has another nonce, and is another mail.
func MessageID(inviteID uuid.UUID, nonce int64, from string) string {
	return fmt.Sprintf("%s.%d@%s", inviteID, nonce, firstOf(domainOf(from), "localhost"))
}

// domainOf is that of SMTP_FROM; "" where there is no address.
func domainOf(from string) string {
	a, err := netmail.ParseAddress(from)
	if err != nil {
		return ""
	}
	return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
}

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
		return oneLine(firm)
	}
	firm, via := shorten(oneLine(firm), maxSenderFirm), oneLine(a.Name)
	switch {
	case firm == "":
		return via
	case strings.EqualFold(firm, via): // a firm that runs this for itself
		return firm
	default:
		return firm + " via " + firstOf(via, domainOf(from))
	}
}

var messageIDPattern = regexp.MustCompile(`^[!-;=?A-~]+@[!-;=?A-~]+$`)

// message is a letter as bytes, with its envelope.
type message struct {
	from, to string // bare addresses
	bytes    []byte
}

// message builds the whole mail before the server hears of it, so that nothing
// of ours can fail once DATA has begun: a mail broken off there may still be
// taken for a complete one. Errors name the letter's field, never its address.
//
// It is built, and signed, once for every attempt and not kept for the next: that
// is minutes or days later, on whatever the facts say by then, and as a rule in
// another worker. Within an attempt, a connection that has to be dialled again
// gets the same bytes.
func (l Letter) message(from *netmail.Address, dkim DKIM) (message, error) {
	to, err := bareAddress("to", l.To)
	if err != nil {
		return message{}, err
	}
	if !messageIDPattern.MatchString(l.MessageID) {
		return message{}, errors.New("message id: not of the form id@domain, without angle brackets")
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&netmail.Address{Name: displayName(SenderName(l.FromName, from.String())), Address: from.Address})
	m.ToMailAddress(&netmail.Address{Name: displayName(l.ToName), Address: to})
	if l.ReplyTo != "" {
		replyTo, err := bareAddress("reply_to", l.ReplyTo)
		if err != nil {
			return message{}, err
		}
		m.ReplyToMailAddress(&netmail.Address{Address: replyTo})
	}
	m.SetMessageIDWithValue(l.MessageID)
	if !l.Date.IsZero() {
		m.SetDateWithValue(l.Date)
	}
	// RFC 3834, section 5: no vacation note answers a mail that says so.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	if l.FirmID != "" {
		m.SetGenHeader(FirmHeader, l.FirmID)
	}
	if l.Content.Language != "" {
		m.SetGenHeader("Content-Language", l.Content.Language) // RFC 3282; one of our catalogs' tags
	}
	m.Subject(oneLine(l.Content.Subject))
	// The last alternative is the preferred one (RFC 2046, section 5.1.4).
	m.SetBodyString(gomail.TypeTextPlain, l.Content.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.Content.HTML)

	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return message{}, fmt.Errorf("content: %w", err)
	}
	signed, err := dkim.sign(b.Bytes())
	if err != nil {
		return message{}, err
	}
	return message{from: from.Address, to: to, bytes: signed}, nil
}

// displayName is a name for an address field. A backslash, which no name needs,
// is left by net/mail in an encoded word, where it may not stand (RFC 2047,
// section 5, rule 3), and readers that hold to it would not find the address.
func displayName(name string) string { return strings.ReplaceAll(oneLine(name), `\`, "/") }

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
