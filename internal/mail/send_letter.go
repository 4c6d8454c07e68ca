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
)

// Letter is a mail with its addresses, ready to be sent to one person.
type Letter struct {
	MessageID  string // without angle brackets; the same at every attempt, so that a second copy can be told
	FromName   string // the firm's name; empty means the name in Config.From. The address is Config.From's
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
	domain := "localhost"
	if a, err := netmail.ParseAddress(from); err == nil {
		domain = a.Address[strings.LastIndexByte(a.Address, '@')+1:]
	}
	return fmt.Sprintf("%s.%d@%s", inviteID, nonce, domain)
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
func (l Letter) message(from *netmail.Address) (message, error) {
	to, err := bareAddress("to", l.To)
	if err != nil {
		return message{}, err
	}
	if !messageIDPattern.MatchString(l.MessageID) {
		return message{}, errors.New("message id: not of the form id@domain, without angle brackets")
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&netmail.Address{Name: firstOf(oneLine(l.FromName), from.Name), Address: from.Address})
	m.ToMailAddress(&netmail.Address{Name: oneLine(l.ToName), Address: to})
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
	m.Subject(oneLine(l.Content.Subject))
	// The last alternative is the preferred one (RFC 2046, section 5.1.4).
	m.SetBodyString(gomail.TypeTextPlain, l.Content.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.Content.HTML)

	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return message{}, fmt.Errorf("content: %w", err)
	}
	return message{from: from.Address, to: to, bytes: b.Bytes()}, nil
}

func bareAddress(field, s string) (string, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" {
		return "", fmt.Errorf("%s: not an email address", field)
	}
	return a.Address, nil
}
