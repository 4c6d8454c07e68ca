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

// emailInText matches generously. What it matches is masked, and a name without an email seldom has an @.
var emailInText = regexp.MustCompile(`[^\s@<>()"]+@[^\s@<>()"]+`)

// NameOnly masks the emails in a name. A person without a known name is often entered under their email, and no outcome
// shows a full email.
func NameOnly(name string) string {
	if !strings.Contains(name, "@") {
		return name // fast path: nearly all names, for every reason
	}
	return emailInText.ReplaceAllStringFunc(name, func(e string) string { return Email{Written: e}.Masked() })
}

// onClient names the client of a conflict. The name is known only if it is the client that the question is about.
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

// day is the day of a time, by the firm's clock.
func (q *question) day(t time.Time) string { return Day(q.firm.In(t)) }

// minute is a time by the firm's clock. It rounds up, so that the wait is over at the time it shows.
func (q *question) minute(t time.Time) string {
	t = q.firm.In(t.Add(time.Minute - 1).Truncate(time.Minute))
	return t.Format("15:04 ") + ZoneName(t)
}
