package rules

import (
	"strings"
	"time"
)

// Firm is an accounting or tax practice: the tenant. Nothing crosses firms.
type Firm struct {
	ID, Name     string
	PortalURL    string
	ReplyTo      string
	LogoURL      string
	Color        string // #rrggbb or empty
	Locale       string
	OfficeLocale string   // the language of the services' answers; empty: English
	Licenses     []string // nil: no license is checked; empty: the firm has none

	RemindAfter time.Duration  // 0: nobody is reminded
	InviteAgain bool           // somebody whose email changed before they came is invited at the new one
	Zone        *time.Location // in which mails and sentences say dates; nil: none was set
	Hours       Hours          // in which its bulk mails and reminders may leave, in Zone
	Declines    bool           // its portal has the page on which people decline (ADR 154)
	Sender      string         // the name of the sender by which its mails leave; "": the default sender
	Limits      Limits         // its own, which hold where they are lower than the operator's
	Paused      bool           // its individual mails wait (ADR 116)
	Erases      bool           // it has erased somebody (ADR 171)
	LeftOut     []string       // fields that could not be used: the name, a colon, and what is wrong
}

// ClientKind says what kind of client a client record is for.
type ClientKind string

// The two kinds of client.
const (
	Individual ClientKind = "individual"
	Business   ClientKind = "business"
)

// Client is a client record of a firm. A portal belongs to a client.
type Client struct {
	ID       string
	Kind     ClientKind
	Name     string
	Active   bool
	Contacts []ClientContact // in contact_id order
}

// ClientContact says that a contact is on a client, and whether as Primary.
type ClientContact struct {
	ContactID string
	Primary   bool
}

func (c *Client) contact(id string) (ClientContact, bool) {
	for _, cc := range c.Contacts {
		if cc.ContactID == id {
			return cc, true
		}
	}
	return ClientContact{}, false
}

func (c *Client) hasPrimary() bool {
	for _, cc := range c.Contacts {
		if cc.Primary {
			return true
		}
	}
	return false
}

// Contact is a person known to the firm.
type Contact struct {
	ID, Name string
	Email    Email
	Locale   string
	LeftOut  []string // as of a firm
}

// Person identifies a person who has a login or an access within a firm: a contact, or a person added by email.
type Person string

// ContactPerson is the person behind a contact record.
func ContactPerson(contactID string) Person { return Person("contact:" + contactID) }

// AddedPerson is a person added by email, who has no contact record. The email is in its normal form.
func AddedPerson(normalEmail string) Person { return Person("email:" + normalEmail) }

// ContactID is the id of this person's contact record, or "" for an added person.
func (p Person) ContactID() string {
	const prefix = "contact:"
	if len(p) > len(prefix) && p[:len(prefix)] == prefix {
		return string(p[len(prefix):])
	}
	return ""
}

// Added says whether this person was added by email.
func (p Person) Added() bool { return strings.HasPrefix(string(p), "email:") }

// Email is the email (normal form) of an added person, or "" for a contact.
func (p Person) Email() string {
	if !p.Added() {
		return ""
	}
	return strings.TrimPrefix(string(p), "email:")
}

// AccessState is the state of a person's access to one client's portal.
type AccessState string

// The states of access. A person who was never invited has no access at all.
const (
	Invited AccessState = "invited"
	Active  AccessState = "active"
	Expired AccessState = "expired"
	Removed AccessState = "removed"
)

// EndedWhy says why a pending access ended by itself, when a fact arrived (ADR 120).
type EndedWhy string

// Why a pending access ends by itself.
const (
	ByEmailChange EndedWhy = "email_changed" // the contact's email is no longer the login
	ByLeaving     EndedWhy = "not_on_client" // the client no longer lists the contact
)

// Suspension says why somebody's access opens nothing for now. It is not stored: it follows from the client's record.
type Suspension string

// Why access is suspended. Somebody who was added by email is on no client's list, so they can't leave it.
const (
	ClientArchived Suspension = "client_archived"
	NotOnClient    Suspension = "not_on_client"
)

// Access is a person's access to one client's portal.
type Access struct {
	State     AccessState
	InviteID  string    // the invite whose link opens it; empty if this pipeline did not invite the person
	Email     string    // the login's email, normal form
	InvitedAt time.Time // when the first invite of this access was decided
	MailedAt  time.Time // when the newest mail for it was decided; the resend cooldown begins here
	ExpiresAt time.Time // of an invite; zero for active access
	Waits     Waits     // whether the mail of InviteID waits, so that none has left; of a removed one, whether none left
	Why       EndedWhy  // of a removed access: why it ended by itself; "" if somebody removed it
	Version   int       // how often it has changed; 0: it is not stored yet
}

// Waits says whether the first mail of an access has yet to leave.
type Waits string

// The first mail waits in a run, or it waits alone (or is just being sent). Without either, it has left, or may have.
const (
	WaitsInRun Waits = "run"
	WaitsAlone Waits = "alone"
)

// StateAt is the state at a point in time. An invited access whose time is over is expired, even if that is not stored
// yet.
func (a *Access) StateAt(now time.Time) AccessState {
	if a.State == Invited && !a.ExpiresAt.IsZero() && !now.Before(a.ExpiresAt) {
		return Expired
	}
	return a.State
}

// Declined says that whoever reads an email has said that a mail was not meant for them (ADR 154). The zero value means
// that nobody has. The next login takes it back.
type Declined struct {
	At       time.Time
	BulkOnly bool // by the one click of a mail program, which stops bulk mails and reminders only
}

// Login is an email that one person of a firm owns.
type Login struct {
	Person        Person
	ReservedUntil time.Time // exclusive; an expired invite reserves no login
	HolderName    string    // the person's name; for the explanation only
	ClientID      string    // one client to whose portal the person has access; for the conflict
}

// ReservedAt says whether the login still belongs to its person.
func (l *Login) ReservedAt(now time.Time) bool { return now.Before(l.ReservedUntil) }

// Forever is the ReservedUntil of the login of an active access, which does not expire.
var Forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
