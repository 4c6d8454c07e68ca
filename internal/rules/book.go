package rules

import (
	"slices"
	"time"

	"portal-invites/internal/wording"
)

// Keys of the facts in a [Book].
type (
	// ClientKey names a client of a firm.
	ClientKey struct{ FirmID, ClientID string }
	// ContactKey names a contact of a firm.
	ContactKey struct{ FirmID, ContactID string }
	// EmailKey names an email (normal form) within a firm.
	EmailKey struct{ FirmID, Email string }
	// AccessKey names a person's access to a client's portal.
	AccessKey struct {
		FirmID, ClientID string
		Person           Person
	}
	// TemplateKey names a message template of a firm.
	TemplateKey struct{ FirmID, TemplateID string }
	// PersonKey names a person within a firm.
	PersonKey struct {
		FirmID string
		Person Person
	}
)

// Book has all facts that a batch of questions needs, loaded once for all of them. [Book.Reserve] enters what a
// decision reserves, so that a later question of the same batch sees it as another batch would.
//
// A Book is not safe for concurrent use.
type Book struct {
	Firms      map[string]*Firm
	Clients    map[ClientKey]*Client
	Contacts   map[ContactKey]*Contact
	Accesses   map[AccessKey]*Access
	Logins     map[EmailKey]*Login
	Suppressed map[EmailKey]string // cause: bounce, complaint or manual
	Declined   map[EmailKey]Declined
	Templates  map[TemplateKey]string
	Refused    map[ThingKey]string   // why the newest fact about a thing could not be read, if it could not
	Merged     map[ContactKey]string // the contact that an id means since its own contact was merged (ADR 125)
	Mailboxes  map[string]*Mailbox   // what was mailed lately, by [Email.Mailbox]
	Added      map[string]*Tally     // the people whom each firm has added lately
	Rates      map[string]*FirmRate  // what each firm has sent lately, if that is limited
	Erased     map[PersonKey]bool    // whom the firm has erased (ADR 171)
}

// NewBook returns a Book without facts.
func NewBook() *Book {
	return &Book{
		Firms:      map[string]*Firm{},
		Clients:    map[ClientKey]*Client{},
		Contacts:   map[ContactKey]*Contact{},
		Accesses:   map[AccessKey]*Access{},
		Logins:     map[EmailKey]*Login{},
		Suppressed: map[EmailKey]string{},
		Declined:   map[EmailKey]Declined{},
		Templates:  map[TemplateKey]string{},
		Refused:    map[ThingKey]string{},
		Merged:     map[ContactKey]string{},
		Mailboxes:  map[string]*Mailbox{},
		Added:      map[string]*Tally{},
		Rates:      map[string]*FirmRate{},
		Erased:     map[PersonKey]bool{},
	}
}

// Resolve returns the person that a question is about, and their contact record if they have one. An email means the
// first of these that there is (ADR 124):
//
//  1. who logs in with it, if they are on that client or have access there,
//  2. a contact of that client with that email, first one who has access there,
//  3. the email alone.
func (b *Book) Resolve(ask Ask, now time.Time) (Person, *Contact) {
	person := ask.Person
	switch r := ask.Recipient; {
	case person != "":
	case r.ContactID != "":
		person = ContactPerson(r.ContactID)
	case r.Email.Normal != "":
		person = b.meant(ask, now)
	}
	if into := b.Merged[ContactKey{ask.FirmID, person.ContactID()}]; into != "" {
		person = ContactPerson(into)
	}
	return person, b.Contacts[ContactKey{ask.FirmID, person.ContactID()}]
}

// meant returns whom the email of a question means.
func (b *Book) meant(ask Ask, now time.Time) Person {
	hasAccess := func(p Person) bool {
		access := b.Accesses[AccessKey{ask.FirmID, ask.ClientID, p}]
		if access == nil {
			return false
		}
		state := access.StateAt(now)
		return state == Invited || state == Active
	}
	login := b.Logins[EmailKey{ask.FirmID, ask.Recipient.Email.Normal}]
	if login != nil && login.ReservedAt(now) && (hasAccess(login.Person) || b.isOnClient(ask, login.Person)) {
		return login.Person
	}
	contacts := b.ContactsByEmail(ask)
	for _, p := range contacts {
		if hasAccess(p) {
			return p
		}
	}
	if len(contacts) > 0 {
		return contacts[0]
	}
	return AddedPerson(ask.Recipient.Email.Normal)
}

func (b *Book) isOnClient(ask Ask, p Person) bool {
	client := b.Clients[ClientKey{ask.FirmID, ask.ClientID}]
	if client == nil || p.ContactID() == "" {
		return false
	}
	_, on := client.contact(p.ContactID())
	return on
}

// ContactsByEmail returns the contacts of a question's client whose email is the one that the question names, in the
// order of their ids.
func (b *Book) ContactsByEmail(ask Ask) (list []Person) {
	client := b.Clients[ClientKey{ask.FirmID, ask.ClientID}]
	if client == nil || ask.Recipient.Email.Normal == "" {
		return nil
	}
	for _, cc := range client.Contacts {
		contact := b.Contacts[ContactKey{ask.FirmID, cc.ContactID}]
		if contact != nil && contact.Email.Normal == ask.Recipient.Email.Normal {
			list = append(list, ContactPerson(contact.ID))
		}
	}
	return list
}

// Decide answers one question from the facts in the book. It asks every rule, so that one round of fixing is enough.
func (b *Book) Decide(ask Ask, now time.Time, policy Policy) Decision {
	q := b.open(ask, now, policy)
	if q.erased {
		return ErasedNow(ask.Kind)
	}
	decision := Decision{Kind: ask.Kind, Person: q.person, Name: q.name, Email: q.email}
	if len(b.Refused) > 0 {
		decision.Warnings = q.warnings(b.Refused)
	}
	for _, rule := range table {
		if !rule.askedFor(ask) {
			continue
		}
		if reason := rule.check(q); reason != nil {
			reason.Code = rule.code
			decision.Reasons = append(decision.Reasons, reason.In(wording.English()))
		}
	}
	return decision
}

// Reserve enters what a decision to send takes: the person's access to the portal, and the login. For a resend, the
// access keeps the link of the first mail, which stays valid until the new mail has left. It also keeps the time when
// that link expires (ADR 141).
func (b *Book) Reserve(ask Ask, d Decision, now time.Time, policy Policy) {
	key := AccessKey{ask.FirmID, ask.ClientID, d.Person}
	access := Access{State: Invited, InvitedAt: now, ExpiresAt: now.Add(policy.InviteTTL)}
	if before := b.Accesses[key]; before != nil {
		access.Version = before.Version
		if ask.Kind == Resend {
			access = *before
		}
	}
	access.Version++
	access.Email, access.MailedAt = d.Email.Normal, now
	if ask.Kind != Resend {
		access.InviteID, access.Waits = ask.InviteID, WaitsAlone
		if ask.Process == Bulk {
			access.Waits = WaitsInRun
		}
	}
	reservedUntil := Forever
	if access.State != Active {
		reservedUntil = access.ExpiresAt
	}
	b.Accesses[key] = &access

	login := EmailKey{ask.FirmID, d.Email.Normal}
	clientID := ask.ClientID
	if before := b.Logins[login]; before != nil && before.Person == d.Person && before.ReservedAt(now) {
		// The person has the login already, for another client's portal. Name the first client, as the store does: then a
		// conflict that stays has the same words each time, and is published once.
		if before.ClientID != "" {
			clientID = min(clientID, before.ClientID)
		}
		if before.ReservedUntil.After(reservedUntil) {
			reservedUntil = before.ReservedUntil
		}
	}
	b.Logins[login] = &Login{Person: d.Person, ReservedUntil: reservedUntil, HolderName: d.Name, ClientID: clientID}
}

// question is an [Ask] with the facts that the rules need for it.
type question struct {
	ask    Ask
	now    time.Time
	policy Policy

	firm        *Firm
	client      *Client
	person      Person
	contact     *Contact // nil for an added person, and for a contact without a fact
	name        string
	email       Email
	access      *Access // nil: never invited
	login       *Login  // of the person who has the email; nil: nobody has it
	suppression string  // cause, or ""
	declined    Declined
	mailbox     *Mailbox
	added       *Tally
	template    bool // the template exists
	erased      bool // the firm has erased the person
}

// IsErased says whether the recipient of a question was erased.
func (b *Book) IsErased(ask Ask) bool {
	return ask.Erased || len(b.Erased) > 0 && slices.ContainsFunc(ask.People(), func(p Person) bool {
		return b.Erased[PersonKey{ask.FirmID, p}]
	})
}

// People returns whom a question names.
func (a Ask) People() (list []Person) {
	if a.Person != "" {
		list = append(list, a.Person)
	}
	if a.Recipient.ContactID != "" {
		list = append(list, ContactPerson(a.Recipient.ContactID))
	}
	if a.Recipient.Email.Normal != "" {
		list = append(list, AddedPerson(a.Recipient.Email.Normal))
	}
	return list
}

func (b *Book) open(ask Ask, now time.Time, policy Policy) *question {
	q := &question{
		ask: ask, now: now, policy: policy,
		firm:   b.Firms[ask.FirmID],
		added:  b.Added[ask.FirmID],
		client: b.Clients[ClientKey{ask.FirmID, ask.ClientID}],
		name:   ask.Recipient.Name,
		email:  ask.Recipient.Email,
		erased: b.IsErased(ask),
	}
	if into := b.Merged[ContactKey{ask.FirmID, ask.Recipient.ContactID}]; into != "" {
		q.ask.Recipient.ContactID = into
	}
	q.person, q.contact = b.Resolve(ask, now)
	if q.contact != nil {
		q.name, q.email = q.contact.Name, q.contact.Email
	}
	q.access = b.Accesses[AccessKey{ask.FirmID, ask.ClientID, q.person}]
	if q.email.Normal != "" {
		key := EmailKey{ask.FirmID, q.email.Normal}
		q.login, q.suppression, q.declined = b.Logins[key], b.Suppressed[key], b.Declined[key]
		q.mailbox = b.Mailboxes[q.email.Mailbox()]
	}
	_, q.template = b.Templates[TemplateKey{ask.FirmID, ask.TemplateID}]
	return q
}

// ownReservation says whether the access is the one that this same invite reserved when it was decided.
func (q *question) ownReservation() bool {
	return q.ask.Queued && q.access != nil && q.access.InviteID == q.ask.InviteID
}

// overtakesRun says whether an individual invite comes for a person whose mail waits in a run. It leaves at once, and
// the one in the run is superseded (ADR 131).
func (q *question) overtakesRun() bool {
	return q.ask.Process != Bulk && !q.ask.Again && q.access.Waits == WaitsInRun
}

// otherLogin says whether the person has access, but with another login than the email of their contact.
func (q *question) otherLogin() bool {
	if q.access == nil || q.email.Normal == "" || q.access.Email == "" || q.access.Email == q.email.Normal {
		return false
	}
	state := q.access.StateAt(q.now)
	return state == Invited || state == Active
}

// mayBeginAnew says whether the access that this same invite reserved has ended by itself, because a fact came
// (ADR 120). The other rules say whether the invite may still leave. If it may, it begins the access anew.
func (q *question) mayBeginAnew() bool {
	return q.ownReservation() && q.ask.Kind != Resend && q.access.State == Removed && q.access.Why != ""
}

// namedBefore says whether the access is the one that the same request reserved when it named this person first. Then
// the second mention is a duplicate, and not an invite of a person who is already invited (ADR 16).
func (q *question) namedBefore() bool {
	return q.ask.DuplicateOf != "" && q.access != nil && q.access.InviteID == q.ask.DuplicateOf
}
