package rules

import (
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
	LimitTooHigh  WarningCode = "limit_too_high"      // a firm's own limit is higher than the operator's
	PortalMoved   WarningCode = "portal_host_changed" // the links of mails lead to another host than before
)

// Warning says that something which was told could not be taken as it was (ADR 128), or that an office should look at
// it. It is no reason to skip anybody.
type Warning struct {
	Code        WarningCode `json:"code"`
	About       string      `json:"about"`           // firm, client, contact, template or login
	Field       string      `json:"field,omitempty"` // of field_left_out, reminder_never and limit_too_high
	Explanation string      `json:"explanation"`

	Case  string         `json:"-"` // which phrase it is
	Names *wording.Names `json:"-"` // what the phrase names
}

// warns is a warning in English.
func warns(code WarningCode, about, which string, names wording.Names) Warning {
	w := Warning{Code: code, About: about, Field: names.Field, Case: which, Names: &names}
	return w.In(wording.English())
}

// In puts a warning into the words of a language. What is wrong with a value stays in English.
func (w Warning) In(c *wording.Catalog) Warning {
	w.Explanation = c.Warning(w.Case, w.Names)
	return w
}

// WarningsIn puts warnings into the words of a language.
func WarningsIn(warnings []Warning, c *wording.Catalog) []Warning {
	list := slices.Clone(warnings)
	for i, w := range list {
		list[i] = w.In(c)
	}
	return list
}

// Refused is the warning that the newest fact about a thing could not be read. name is what the thing is called, or ""
// if no fact about it could be read before. problem says what is wrong with the fact.
func Refused(thing Thing, name, problem string) Warning {
	kind, id, _ := strings.Cut(string(thing), ":")
	which, names := "newer_refused", namesOfThing(thing, name)
	if name == "" {
		which = kind + "_refused"
		names = wording.Names{ClientID: NameOnly(id), ContactID: NameOnly(id), Template: NameOnly(id)}
	}
	names.Said = problem
	return warns(NewerRefused, kind, which, names)
}

// namesOfThing are the names for a phrase about a thing. A template is called by its id.
func namesOfThing(thing Thing, name string) wording.Names {
	if kind, id, _ := strings.Cut(string(thing), ":"); kind == "template" {
		return wording.Names{Template: id}
	}
	return wording.Names{Person: name}
}

// LeftOut is the warning that a field of a thing's newest fact was left out. problem is the field, and what is wrong
// with it. If the thing has no name, it is a contact.
func LeftOut(thing Thing, name, problem string) Warning {
	names := namesOfThing(thing, name)
	_, names.ContactID, _ = strings.Cut(string(thing), ":")
	names.Field, names.Said, _ = strings.Cut(problem, ": ")
	return warns(FieldLeftOut, thing.Kind(), "left_out", names)
}

// HostChanged is the warning that a firm's portal has another host since a day.
func HostChanged(before, now string, since time.Time) Warning {
	names := wording.Names{Before: before, Host: now, Day: since.UTC()}
	return warns(PortalMoved, FirmThing.Kind(), "portal_host_changed", names)
}

// AheadOfTime is the warning that a login was told with a time that had not come yet. Both times are by the firm's
// clock.
func AheadOfTime(name string, reported, taken time.Time) Warning {
	return warns(LoginInFuture, "login", "login_in_future", wording.Names{Person: name, Day: reported, Taken: taken})
}

// NeverReminds is the warning that links do not live longer than a firm waits before it reminds anybody.
func NeverReminds(name string) Warning {
	names := wording.Names{Person: name, Field: "reminder_after"}
	return warns(ReminderNever, FirmThing.Kind(), "reminder_never", names)
}

// TooHighLimit is the warning that a firm's own limit is higher than the operator's, which holds.
func TooHighLimit(name, field string) Warning {
	return warns(LimitTooHigh, FirmThing.Kind(), "limit_too_high", wording.Names{Person: name, Field: field})
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
		about(TemplateThing(q.ask.TemplateID), q.ask.TemplateID)
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
