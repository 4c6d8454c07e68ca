package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"portal-invites/internal/wording"
)

// Thing names what a fact has the full state of: firm:, client:C-1, contact:P-1 or template:T-1.
type Thing string

// FirmThing is the firm's settings.
const FirmThing Thing = "firm:"

// ClientThing is a client record.
func ClientThing(id string) Thing { return Thing("client:" + id) }

// ContactThing is a contact's record.
func ContactThing(id string) Thing { return Thing("contact:" + id) }

// TemplateThing is a message template.
func TemplateThing(id string) Thing { return Thing("template:" + id) }

// Kind is the kind of a thing, in a word: firm, client, contact or template.
func (t Thing) Kind() string {
	kind, _, _ := strings.Cut(string(t), ":")
	return kind
}

// ThingKey names a thing of a firm.
type ThingKey struct {
	FirmID string
	Thing  Thing
}

// WarningCode is the machine-readable name of a warning.
type WarningCode string

// The warnings.
const (
	NewerRefused  WarningCode = "newer_fact_refused"  // the newest fact about a thing could not be read
	FieldLeftOut  WarningCode = "field_left_out"      // a field of a fact could not be used, and was left out
	LoginInFuture WarningCode = "login_in_future"     // a login was told with a time that had not come yet
	ReminderNever WarningCode = "reminder_never"      // links do not live long enough for a firm's reminders
	PortalMoved   WarningCode = "portal_host_changed" // the links of mails lead to another host than before
)

// WarningCodes lists every code.
func WarningCodes() []WarningCode {
	return []WarningCode{NewerRefused, FieldLeftOut, LoginInFuture, ReminderNever, PortalMoved}
}

// Warning says that something which was told could not be taken as it was (ADR 128), or that an office should look at
// it. It is no reason to skip anybody.
type Warning struct {
	Code        WarningCode `json:"code"`
	About       string      `json:"about"`           // firm, client, contact, template or login
	Field       string      `json:"field,omitempty"` // of field_left_out and reminder_never
	Explanation string      `json:"explanation"`
}

// Refused is the warning that the newest fact about a thing could not be read. name is what the thing is called, or ""
// if no fact about it could be read before. problem says what is wrong with the fact.
func Refused(thing Thing, name, problem string) Warning {
	w := Warning{Code: NewerRefused, About: thing.Kind()}
	if name != "" {
		w.Explanation = fmt.Sprintf("A newer record of %s could not be read: %s. This goes by the one before.",
			name, problem)
		return w
	}
	_, id, _ := strings.Cut(string(thing), ":")
	w.Explanation = fmt.Sprintf("The record of the %s %q could not be read: %s.", thing.Kind(), NameOnly(id), problem)
	if thing == FirmThing {
		w.Explanation = fmt.Sprintf("The firm's settings could not be read: %s.", problem)
	}
	return w
}

// LeftOut is the warning that a field of a thing's newest fact was left out. problem is the field, and what is wrong
// with it.
func LeftOut(thing Thing, name, problem string) Warning {
	field, what, _ := strings.Cut(problem, ": ")
	return Warning{
		Code: FieldLeftOut, About: thing.Kind(), Field: field,
		Explanation: fmt.Sprintf("The field %s of %s was left out, because it can't be used: it %s.", field, name, what),
	}
}

// HostChanged is the warning that a firm's portal has another host since a day.
func HostChanged(before, now string, since time.Time) Warning {
	return Warning{
		Code: PortalMoved, About: FirmThing.Kind(),
		Explanation: fmt.Sprintf("The portal's host changed from %s to %s on %s. Links in all mails since then lead to %s.",
			before, now, wording.English().Day(since.UTC()), now),
	}
}

// AheadOfTime is the warning that a login was told with a time that had not come yet. Both times are by the firm's
// clock.
func AheadOfTime(name string, reported, taken time.Time) Warning {
	return Warning{
		Code: LoginInFuture, About: "login",
		Explanation: fmt.Sprintf("The last login of %s was reported for %s, which had not come yet. It counts for %s.",
			name, wording.English().Day(reported), wording.English().Day(taken)),
	}
}

// NeverReminds is the warning that links do not live longer than a firm waits before it reminds anybody. It is about
// the field reminder_after.
func NeverReminds(name string) Warning {
	return Warning{
		Code: ReminderNever, About: FirmThing.Kind(), Field: "reminder_after",
		Explanation: fmt.Sprintf("%s reminds nobody: links expire before reminder_after is over.", name),
	}
}

// Warnings says about which of the facts that decide a question a newer one could not be read.
func (b *Book) Warnings(ask Ask) []Warning {
	if len(b.Refused) == 0 {
		return nil
	}
	return b.open(ask, time.Time{}, Policy{}).warnings(b.Refused)
}

func (q *question) warnings(refused map[ThingKey]string) (list []Warning) {
	about := func(thing Thing, name string) {
		if problem := refused[ThingKey{q.ask.FirmID, thing}]; problem != "" {
			list = append(list, Refused(thing, name, problem))
		}
	}
	firm, client, contact := "", "", ""
	if q.firm != nil {
		firm = NameOnly(q.firm.Name)
	}
	if q.client != nil {
		client = NameOnly(q.client.Name)
	}
	if q.contact != nil {
		contact = NameOnly(q.name)
	}
	about(FirmThing, firm)
	about(ClientThing(q.ask.ClientID), client)
	for _, thing := range q.contactThings() {
		about(thing, contact)
	}
	if q.ask.TemplateID != "" && q.template {
		about(TemplateThing(q.ask.TemplateID), fmt.Sprintf("the template %q", q.ask.TemplateID))
	} else if q.ask.TemplateID != "" {
		about(TemplateThing(q.ask.TemplateID), "")
	}
	return list
}

// contactThings are the contacts that the question is about: the named one, and the one that it turns out to be.
func (q *question) contactThings() (list []Thing) {
	for _, id := range []string{q.ask.Recipient.ContactID, q.person.ContactID()} {
		if id != "" && !slices.Contains(list, ContactThing(id)) {
			list = append(list, ContactThing(id))
		}
	}
	return list
}

// Things are what the facts say that decide a question.
func (b *Book) Things(ask Ask) []Thing {
	q := b.open(ask, time.Time{}, Policy{})
	list := append([]Thing{FirmThing, ClientThing(ask.ClientID)}, q.contactThings()...)
	if ask.TemplateID != "" {
		list = append(list, TemplateThing(ask.TemplateID))
	}
	return list
}
