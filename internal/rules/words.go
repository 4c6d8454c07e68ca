package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

func (q *question) clientName() string {
	if q.client != nil && q.client.Name != "" {
		return NameOnly(q.client.Name)
	}
	return "client " + q.ask.ClientID
}

func (q *question) personName() string {
	switch {
	case q.name != "":
		return NameOnly(q.name)
	case q.ask.Recipient.ContactID != "":
		return "contact " + q.ask.Recipient.ContactID
	case q.email.Written != "":
		return q.email.Masked()
	default:
		return "this person"
	}
}

// emailInText is generous: what it takes for an email is masked, and a name that is none is seldom written with an @.
var emailInText = regexp.MustCompile(`[^\s@<>()"]+@[^\s@<>()"]+`)

// NameOnly masks the emails in a name: people without a known name are often entered under their email, and no outcome
// carries one in full.
func NameOnly(name string) string {
	if !strings.Contains(name, "@") {
		return name // as nearly all are, and it is asked for every reason
	}
	return emailInText.ReplaceAllStringFunc(name, func(e string) string { return Email{Written: e}.Masked() })
}

// onClient names another client than the one asked about, of which only the id is known.
func (q *question) onClient(id string) string {
	switch id {
	case "":
		return ""
	case q.ask.ClientID:
		return " on " + q.clientName()
	default:
		return " on client " + NameOnly(id)
	}
}

func (q *question) markAsPrimary() string {
	if q.ask.Recipient.IsClient() {
		return fmt.Sprintf("Mark one of the contacts of %s as Primary, or send an individual invite.", q.clientName())
	}
	return fmt.Sprintf("Mark %s as Primary on %s, or send an individual invite.", q.personName(), q.clientName())
}

func suppressionWords(cause string) string {
	switch cause {
	case "bounce":
		return "an earlier mail to it came back"
	case "complaint":
		return "its owner reported an earlier mail as spam"
	default:
		return "the address was blocked by hand"
	}
}

func day(t time.Time) string { return t.UTC().Format("January 2, 2006") }

// minute rounds up: at the time it says, the wait is over.
func minute(t time.Time) string {
	return t.UTC().Add(time.Minute - 1).Truncate(time.Minute).Format("15:04")
}
