package events

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"portal-invites/internal/address"
	"portal-invites/internal/portal"
	"portal-invites/internal/rules"
)

// Firm is the data of FirmUpserted: the full state of a firm's settings.
type Firm struct {
	Name       string `json:"name"`
	PortalURL  string `json:"portal_url"` // https, or http on loopback
	ReplyTo    string `json:"reply_to,omitempty"`
	LogoURL    string `json:"logo_url,omitempty"`    // https
	BrandColor string `json:"brand_color,omitempty"` // #rrggbb
	Locale     string `json:"locale,omitempty"`      // BCP 47
	// OfficeLocale is the language that the services answer the firm's office in, if a call names none (BCP 47).
	OfficeLocale string `json:"office_locale,omitempty"`
	TimeZone     string `json:"time_zone,omitempty"`  // a name of the IANA database
	SendHours    string `json:"send_hours,omitempty"` // in TimeZone, as rules.ParseHours reads them; "": all hours
	Sender       string `json:"sender,omitempty"`     // a name of SMTP_SENDERS; "": the default sender
	// Licenses are the licenses that the firm has. If they are left out (nil), no process needs a license. If they are
	// empty, every process that needs a license is blocked.
	Licenses []string `json:"licenses,omitzero"`
	// ReminderAfter is how long after an invite the pipeline reminds a person who has not logged in, at most twice. It is
	// a Go duration. If it is left out, nobody is reminded.
	ReminderAfter string `json:"reminder_after,omitempty"`
	// OnEmailChange says what follows if a contact's new email ends a pending invite: [EndInvite], which is the default,
	// or [InviteAgain].
	OnEmailChange string `json:"on_email_change,omitempty"`
	// Decline says that the portal serves <portal_url>/invite/<token>/decline (ADR 154).
	Decline bool `json:"decline,omitempty"`

	// The firm's own limits, which hold where they are lower than the operator's (ADR 152).
	RecipientMailsADay   int `json:"recipient_mails_a_day,omitempty"`
	RecipientMailsAnHour int `json:"recipient_mails_an_hour,omitempty"`
	ContactInvitesADay   int `json:"contact_invites_a_day,omitempty"`
	AddedPeopleADay      int `json:"added_people_a_day,omitempty"`
	MailsAnHour          int `json:"mails_an_hour,omitempty"`

	leftOut []FieldError // see [LeftOut]
}

// Limits returns the firm's own limits; 0 means that it has none.
func (d *Firm) Limits() rules.Limits {
	return rules.Limits{
		RecipientDay:   d.RecipientMailsADay,
		RecipientHour:  d.RecipientMailsAnHour,
		ContactDay:     d.ContactInvitesADay,
		AddedPeopleDay: d.AddedPeopleADay,
		MailsHour:      d.MailsAnHour,
	}
}

// mostLimit is the largest limit that a firm may have.
const mostLimit = 1_000_000

func (d *Firm) checkLimits(f *fields) {
	for _, limit := range d.Limits().Own() {
		if f.has(limit.Field) && (limit.Most < 1 || limit.Most > mostLimit) {
			f.wrong(limit.Field, "must be 1 to %d (example: 5)", mostLimit)
		}
	}
}

// Hours returns SendHours; the zero value means all hours.
func (d *Firm) Hours() rules.Hours {
	hours, err := rules.ParseHours(d.SendHours)
	if err != nil {
		return rules.Hours{}
	}
	return hours
}

// RemindAfter returns ReminderAfter as a duration; 0 means never.
func (d *Firm) RemindAfter() time.Duration {
	after, err := time.ParseDuration(d.ReminderAfter)
	if err != nil {
		return 0
	}
	return after
}

// What follows if a contact's new email ends a pending invite.
const (
	EndInvite   = "end"          // nothing more: whoever invites next reaches the new email
	InviteAgain = "invite_again" // the pipeline invites the person at the new email
)

var colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (d *Firm) check(f *fields) {
	f.nameOfFact(&d.Name)
	f.text("portal_url", d.PortalURL, maxURL)
	if d.PortalURL != "" {
		if err := portal.Check(d.PortalURL); err != nil {
			f.wrong("portal_url", "%s", err)
		}
	}
	d.ReplyTo, d.BrandColor = addressOf(d.ReplyTo), sixDigits(d.BrandColor)
	f.orLeftOut(&d.ReplyTo, (*fields).replyTo)
	f.orLeftOut(&d.LogoURL, (*fields).logo)
	f.orLeftOut(&d.BrandColor, (*fields).color)
	f.orLeftOut(&d.Locale, (*fields).locale)
	f.orLeftOut(&d.OfficeLocale, func(f *fields, value string) { f.languageTag("office_locale", value) })
	f.orLeftOut(&d.TimeZone, (*fields).timeZone)
	f.orLeftOut(&d.SendHours, func(f *fields, value string) { f.sendHours(value, d.TimeZone) })
	f.orLeftOut(&d.ReminderAfter, (*fields).reminderAfter)
	f.orLeftOut(&d.OnEmailChange, (*fields).onEmailChange)
	f.sender(d.Sender)
	f.licenses(d.Licenses)
	d.checkLimits(f)
	d.leftOut = f.leftOut
}

func (f *fields) replyTo(value string) {
	if err := address.Check(value); err != nil {
		f.wrong("reply_to", "%s", err)
	}
}

func (f *fields) logo(value string) {
	f.optionalText("logo_url", value, maxURL)
	if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		f.wrong("logo_url", "must be an https address (example: https://assets.example.com/logo.png)")
	}
}

func (f *fields) color(value string) {
	if !colorPattern.MatchString(value) {
		f.wrong("brand_color", "must be # and six hexadecimal digits (example: #1a73e8)")
	}
}

func (f *fields) sender(name string) {
	if name != "" && !rules.IsSenderName(name) {
		f.wrong("sender", "must be the name of a sender: "+
			"up to 64 letters, digits, dots, hyphens or underscores (example: north)")
	}
}

func (f *fields) timeZone(name string) {
	if rules.Location(name) == nil {
		f.wrong("time_zone", "must be a name of the IANA time zone database (example: America/Los_Angeles)")
	}
}

// sendHours checks hours of a time zone that was checked before.
func (f *fields) sendHours(value, zone string) {
	if _, err := rules.ParseHours(value); err != nil {
		f.wrong("send_hours", "%s", err)
	} else if zone == "" {
		f.wrong("send_hours", "needs a time_zone, which says when these hours are")
	}
}

func (f *fields) reminderAfter(value string) {
	if after, err := time.ParseDuration(value); err != nil || after < time.Hour || after > 90*24*time.Hour {
		f.wrong("reminder_after", "must be a duration of 1h to 2160h (example: 72h)")
	}
}

func (f *fields) onEmailChange(value string) {
	if value != EndInvite && value != InviteAgain {
		f.wrong("on_email_change", "must be %s or %s", EndInvite, InviteAgain)
	}
}

// addressOf returns the address of a mailbox with a display name, as in `Acme Office <office@acme.example>`. It returns
// any other text unchanged.
func addressOf(mailbox string) string {
	if !strings.Contains(mailbox, "<") {
		return mailbox
	}
	parsed, err := mail.ParseAddress(mailbox)
	if err != nil {
		return mailbox
	}
	return parsed.Address
}

var shortColor = regexp.MustCompile(`^#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])$`)

// sixDigits writes a color of three digits, as in CSS, with six. It returns any other text unchanged.
func sixDigits(color string) string { return shortColor.ReplaceAllString(color, "#$1$1$2$2$3$3") }

func (f *fields) licenses(licenses []string) {
	if len(licenses) > maxLicenses {
		f.wrong("licenses", "has more than %d entries", maxLicenses)
	}
	for i, license := range licenses {
		f.checkID(fmt.Sprintf("licenses[%d]", i), license)
	}
}

// locale checks only the form of a language tag, not whether a registry lists the language (ADR 29). Registries grow,
// and a new language must not make its contact unknown. A mail in a language that we have no words for is in the firm's
// language.
func (f *fields) locale(value string) { f.languageTag("locale", value) }

func (f *fields) languageTag(name, value string) {
	f.optionalText(name, value, maxLocale)
	if !IsLanguageTag(value) {
		f.wrong(name, "must be a language tag (example: en-US)")
	}
}

// IsLanguageTag says whether a text is a well-formed language tag (BCP 47). No registry need list it.
func IsLanguageTag(text string) bool {
	_, err := language.Parse(text)
	_, unregistered := errors.AsType[language.ValueError](err)
	return err == nil || unregistered
}

// Client is the data of ClientUpserted: the full state of a client record.
type Client struct {
	ClientID string          `json:"client_id"`
	Kind     string          `json:"kind"` // individual or business
	Name     string          `json:"name"`
	Active   *bool           `json:"active,omitempty"` // nil: true
	Contacts []ClientContact `json:"contacts"`
}

// ClientContact is a contact of the client, and whether it is a Primary.
type ClientContact struct {
	ContactID string `json:"contact_id"`
	Primary   bool   `json:"primary"`
}

// IsActive is Active with its default.
func (d *Client) IsActive() bool { return d.Active == nil || *d.Active }

func (d *Client) check(f *fields) {
	f.id("client_id", d.ClientID)
	if f.given("kind") {
		f.oneOf("kind", d.Kind, string(rules.Individual), string(rules.Business))
	}
	f.nameOfFact(&d.Name)
	if !f.given("contacts") {
		return
	}
	if len(d.Contacts) > maxClientContacts {
		f.wrong("contacts", "has more than %d entries", maxClientContacts)
		return
	}
	seen := map[string]bool{}
	f.each("contacts", func(f *fields, i int) {
		f.id("contact_id", d.Contacts[i].ContactID)
		f.given("primary")
		if seen[d.Contacts[i].ContactID] {
			f.wrong("contact_id", "is named twice")
		}
		seen[d.Contacts[i].ContactID] = true
	})
}

// RemovedClient is the data of ClientRemoved.
type RemovedClient struct {
	ClientID string `json:"client_id"`
}

func (d *RemovedClient) check(f *fields) { f.id("client_id", d.ClientID) }

// Contact is the data of ContactUpserted: the full state of a person known to the firm.
type Contact struct {
	ContactID string `json:"contact_id"`
	Name      string `json:"name"`
	Email     string `json:"email"` // may be left out, empty or mistyped: the rules give the reason then
	Locale    string `json:"locale,omitempty"`

	leftOut []FieldError // see [LeftOut]
}

func (d *Contact) check(f *fields) {
	f.id("contact_id", d.ContactID)
	f.nameOfFact(&d.Name)
	f.paragraphs("email", d.Email, maxEmail)
	f.orLeftOut(&d.Locale, (*fields).locale)
	d.leftOut = f.leftOut
}

// RemovedContact is the data of ContactRemoved.
type RemovedContact struct {
	ContactID string `json:"contact_id"`
}

func (d *RemovedContact) check(f *fields) { f.id("contact_id", d.ContactID) }

// Merge is the data of ContactsMerged: the contacts in From are one person with Into, whose id is used from now on.
type Merge struct {
	From []string `json:"from"`
	Into string   `json:"into"`
}

func (d *Merge) check(f *fields) {
	f.id("into", d.Into)
	if !f.given("from") {
		return
	}
	if n := len(d.From); n == 0 || n > maxMerged {
		f.wrong("from", "must have 1 to %d entries", maxMerged)
		return
	}
	for i, id := range d.From {
		name := fmt.Sprintf("from[%d]", i)
		f.checkID(name, id)
		if id != "" && id == d.Into {
			f.wrong(name, "is the contact in into; name only the contacts that are given up")
		}
		if id != "" && slices.Contains(d.From[:i], id) {
			f.wrong(name, "is named twice")
		}
	}
}

// Grant is the data of PortalAccessGranted: the person has logged in, whether or not the pipeline invited them.
type Grant struct {
	ClientID  string    `json:"client_id"`
	ContactID string    `json:"contact_id,omitempty"`
	Email     string    `json:"email,omitempty"`
	GrantedAt time.Time `json:"granted_at"`
}

func (d *Grant) check(f *fields) {
	f.id("client_id", d.ClientID)
	f.person(d.ContactID, d.Email)
	if d.ContactID == "" && d.Email != "" {
		if err := address.Check(d.Email); err != nil {
			f.wrong("email", "%s", err)
		}
	}
	f.given("granted_at")
}

// person checks that either a contact or an email names the person.
func (f *fields) person(contactID, email string) {
	switch {
	case contactID == "" && email == "":
		f.wrong("contact_id", "missing (or email)")
	case contactID != "" && email != "":
		f.wrong("email", "can't be combined with contact_id: one of them says who it is")
	case contactID != "":
		f.checkID("contact_id", contactID)
	default:
		f.paragraphs("email", email, maxEmail)
	}
}

// Suppression is the data of EmailSuppressed and EmailUnsuppressed.
type Suppression struct {
	Email string `json:"email"`
	Cause string `json:"cause"` // bounce, complaint or manual
}

func (d *Suppression) check(f *fields) {
	if f.given("email") {
		if err := address.Check(d.Email); err != nil {
			f.wrong("email", "%s", err)
		}
	}
	if f.given("cause") {
		f.oneOf("cause", d.Cause, "bounce", "complaint", "manual")
	}
}

// Template is the data of MessageTemplateUpserted.
type Template struct {
	TemplateID string `json:"template_id"`
	Name       string `json:"name"`
	Body       string `json:"body"` // with merge fields
}

func (d *Template) check(f *fields) {
	f.id("template_id", d.TemplateID)
	f.nameOfFact(&d.Name)
	if f.given("body") {
		f.message("body", d.Body)
	}
}

// RemovedTemplate is the data of MessageTemplateRemoved.
type RemovedTemplate struct {
	TemplateID string `json:"template_id"`
}

func (d *RemovedTemplate) check(f *fields) { f.id("template_id", d.TemplateID) }
