package rules

import (
	"strings"
	"time"
)

// Firm is an accounting or tax practice: the tenant. Nothing crosses firms.
type Firm struct {
	ID, Name  string
	PortalURL string
	ReplyTo   string
	LogoURL   string
	Color     string // #rrggbb or empty
	Locale    string
	Licenses  []string // nil: nothing is gated; empty: everything that needs a license is

	RemindAfter time.Duration // 0: nobody is reminded
}

// ClientKind is what a client record stands for.
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

// ClientContact is a contact's standing on one client.
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
}

// Person identifies who holds a login or an access within a firm: a contact, or someone added by email.
type Person string

// ContactPerson is the person behind a contact record.
func ContactPerson(contactID string) Person { return Person("contact:" + contactID) }

// AddedPerson is a person known by an email only, in its normal form.
func AddedPerson(normalEmail string) Person { return Person("email:" + normalEmail) }

// ContactID is the contact this person is, or "" for an added person.
func (p Person) ContactID() string {
	const prefix = "contact:"
	if len(p) > len(prefix) && p[:len(prefix)] == prefix {
		return string(p[len(prefix):])
	}
	return ""
}

// Added says whether this is a person known by an email only.
func (p Person) Added() bool { return strings.HasPrefix(string(p), "email:") }

// AccessState is where a person stands with one client's portal.
type AccessState string

// The states of access. A person who was never invited has no access at all.
const (
	Invited AccessState = "invited"
	Active  AccessState = "active"
	Expired AccessState = "expired"
	Removed AccessState = "removed"
)

// Access is a person's access to one client's portal.
type Access struct {
	State     AccessState
	InviteID  string    // the invite whose link opens it; empty where the person was not invited by this pipeline
	Email     string    // the login's email, normal form
	InvitedAt time.Time // when the first invite of this access was decided
	MailedAt  time.Time // when the newest mail for it was decided; the resend cooldown counts from here
	ExpiresAt time.Time // of an invite; zero for active access
	Version   int       // counts its changes; 0: not written yet
}

// StateAt is the state at a point in time: an invite past its expiry has expired, whether or not anyone has noted it yet.
func (a *Access) StateAt(now time.Time) AccessState {
	if a.State == Invited && !a.ExpiresAt.IsZero() && !now.Before(a.ExpiresAt) {
		return Expired
	}
	return a.State
}

// Login is an email held by one person in a firm.
type Login struct {
	Person        Person
	ReservedUntil time.Time // exclusive; an expired invite holds no login
	HolderName    string    // for the explanation only
	ClientID      string    // one client on which the holder has access; for the conflict
}

// ReservedAt says whether the login still belongs to its person.
func (l *Login) ReservedAt(now time.Time) bool { return now.Before(l.ReservedUntil) }

// Forever is the ReservedUntil of a login behind active access, which does not expire.
var Forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
