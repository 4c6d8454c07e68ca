package rules

import (
	"regexp"
	"strings"
	"time"

	"portal-invites/internal/wording"
)

// because is the reason for one case of a rule. The catalogs of internal/wording have the words for each case.
func because(which string, names wording.Names) *Reason { return &Reason{Case: which, Names: &names} }

// In puts a reason into the words of a language. A reason without names is older than the catalogs, or was read from an
// outcome: it keeps its words.
func (r Reason) In(c *wording.Catalog) Reason {
	if r.Names != nil {
		r.Explanation, r.Remedy = c.Reason(string(r.Code), r.Case, r.Names)
	}
	return r
}

// InWords puts reasons into the words of a language.
func InWords(reasons []Reason, c *wording.Catalog) []Reason {
	if c == wording.English() {
		return reasons // they have its words
	}
	inWords := make([]Reason, len(reasons))
	for i, r := range reasons {
		inWords[i] = r.In(c)
	}
	return inWords
}

// names are the names of the person and the client.
func (q *question) names() (n wording.Names) {
	n.Client, n.ClientID = q.nameOf(q.ask.ClientID)
	switch {
	case q.name != "":
		n.Person = NameOnly(q.name)
	case q.ask.Recipient.ContactID != "":
		n.ContactID = q.ask.Recipient.ContactID
	default:
		n.Person = q.email.Masked()
	}
	return n
}

// withEmail are the names with the person's email.
func (q *question) withEmail() wording.Names {
	n := q.names()
	n.Email = q.email.Masked()
	return n
}

// namesOf are the names with a day, by the firm's clock.
func (q *question) namesOf(t time.Time) wording.Names {
	n := q.names()
	n.Day = q.firm.In(t)
	return n
}

// nameOf is a client's name, or its id if the name is not known. The name of a client that the question is not about is
// not known.
func (q *question) nameOf(clientID string) (name, id string) {
	switch {
	case clientID != q.ask.ClientID:
		return "", NameOnly(clientID)
	case q.client != nil && q.client.Name != "":
		return NameOnly(q.client.Name), ""
	default:
		return "", clientID
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

// minute is a time by the firm's clock. It rounds up, so that the wait is over at the time it shows.
func (q *question) minute(t time.Time) string {
	t = q.firm.In(wholeMinute(t))
	return t.Format("15:04 ") + wording.ZoneName(t)
}

// nameTime adds a minute and its day to names.
func (q *question) nameTime(n *wording.Names, t time.Time) {
	n.Minute, n.Day = q.minute(t), q.firm.In(wholeMinute(t))
}

func wholeMinute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }
