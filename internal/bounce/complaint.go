package bounce

import (
	"io"
	netmail "net/mail"
	"strings"

	"github.com/emersion/go-message"
)

// Complaint is a mailbox provider's report that a reader complained (RFC 5965).
type Complaint struct {
	Feedback  string // the kind, in lower case: abuse, fraud, virus, not-spam, other and more
	Recipient string // the email of the reader who complained; many providers leave it out
}

// readComplaint reads a message/feedback-report, which is one group of fields.
func readComplaint(body io.Reader) (*Complaint, error) {
	all, err := groups(body)
	if err != nil {
		return nil, err
	}
	c := &Complaint{}
	for _, group := range all {
		if c.Feedback == "" {
			c.Feedback = strings.ToLower(strings.TrimSpace(group.Get("Feedback-Type")))
		}
		if c.Recipient == "" {
			c.Recipient = typedAddress(group.Get("Original-Rcpt-To"))
		}
	}
	return c, nil
}

// isJMRP says whether a message is a complaint of Outlook.com's Junk Mail Reporting Program. It has no machine-readable
// part: it is a mail from a fixed address with the reported mail in it, which names the reader.
func (r Report) isJMRP(header message.Header) bool {
	from, err := netmail.ParseAddress(header.Get("From"))
	return err == nil && strings.EqualFold(from.Address, "staff@hotmail.com") && r.Original.complainer != ""
}
