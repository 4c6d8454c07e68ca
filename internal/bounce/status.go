package bounce

import (
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/emersion/go-message/textproto"
)

// Recipient is what a delivery report says about one recipient (RFC 3464, section 2.3).
type Recipient struct {
	Action     string // failed, delayed, delivered, relayed or expanded, in lower case; may be empty
	Status     string // the enhanced status code (RFC 3463), like 5.1.1; may be empty
	Diagnostic string // the server's own text; it may have addresses in it, and is never shown

	Original, Final string // the address that the sender named, and the one that the mail was finally addressed to
}

var errNoRecipient = errors.New("names no recipient")

// readStatus reads a message/delivery-status: a group of fields about the message, then one about each recipient.
func readStatus(body io.Reader) ([]Recipient, error) {
	all, err := groups(body)
	if err != nil {
		return nil, err
	}
	var recipients []Recipient
	for _, group := range all {
		// Some servers leave out the first group, and some the empty line after it.
		if group.Has("Final-Recipient") || group.Has("Original-Recipient") || group.Has("Action") {
			recipients = append(recipients, recipientOf(group))
		}
	}
	if len(recipients) == 0 {
		return nil, errNoRecipient
	}
	return recipients, nil
}

var (
	comment      = regexp.MustCompile(`\([^()]*\)`)
	enhancedCode = regexp.MustCompile(`\b[245]\.\d{1,3}\.\d{1,3}\b`)
)

func recipientOf(group textproto.Header) Recipient {
	action, _, _ := strings.Cut(strings.TrimSpace(comment.ReplaceAllString(group.Get("Action"), "")), " ")
	return Recipient{
		Action:     strings.ToLower(action),
		Status:     enhancedCode.FindString(group.Get("Status")),
		Diagnostic: group.Get("Diagnostic-Code"),
		Original:   typedAddress(group.Get("Original-Recipient")),
		Final:      typedAddress(group.Get("Final-Recipient")),
	}
}
