package rules

import "time"

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
)

// Book is everything known that bears on a batch of questions, loaded once for all of them. Deciding one question enters
// its claims here ([Book.Reserve]), so that a later question of the same batch sees them exactly as another batch would.
//
// A Book is not safe for concurrent use.
type Book struct {
	Firms      map[string]*Firm
	Clients    map[ClientKey]*Client
	Contacts   map[ContactKey]*Contact
	Accesses   map[AccessKey]*Access
	Logins     map[EmailKey]*Login
	Suppressed map[EmailKey]string // cause: bounce, complaint or manual
	Templates  map[TemplateKey]string
}

// NewBook is a Book in which nothing is known.
func NewBook() *Book {
	return &Book{
		Firms:      map[string]*Firm{},
		Clients:    map[ClientKey]*Client{},
		Contacts:   map[ContactKey]*Contact{},
		Accesses:   map[AccessKey]*Access{},
		Logins:     map[EmailKey]*Login{},
		Suppressed: map[EmailKey]string{},
		Templates:  map[TemplateKey]string{},
	}
}

// Resolve says who a question is about. An added email that is the email of a contact on that client means that contact.
func (b *Book) Resolve(ask Ask) (Person, *Contact) {
	r := ask.Recipient
	if ask.Person != "" {
		return ask.Person, b.Contacts[ContactKey{ask.FirmID, ask.Person.ContactID()}]
	}
	if r.ContactID != "" {
		return ContactPerson(r.ContactID), b.Contacts[ContactKey{ask.FirmID, r.ContactID}]
	}
	if r.Email.Normal == "" {
		return "", nil
	}
	if client := b.Clients[ClientKey{ask.FirmID, ask.ClientID}]; client != nil {
		for _, cc := range client.Contacts {
			contact := b.Contacts[ContactKey{ask.FirmID, cc.ContactID}]
			if contact != nil && contact.Email.Normal == r.Email.Normal {
				return ContactPerson(contact.ID), contact
			}
		}
	}
	return AddedPerson(r.Email.Normal), nil
}

// Decide answers one question from the facts in the book. It asks every rule, so that one round of fixing is enough.
func (b *Book) Decide(ask Ask, now time.Time, policy Policy) Decision {
	c := b.open(ask, now, policy)
	decision := Decision{Person: c.person, Name: c.name, Email: c.email}
	for _, rule := range table {
		if !rule.askedFor(ask) {
			continue
		}
		if reason := rule.check(c); reason != nil {
			reason.Code = rule.code
			decision.Reasons = append(decision.Reasons, *reason)
		}
	}
	return decision
}

// Reserve enters what a decision to send takes hold of: the person's access to the portal, and the login. A resend takes hold of
// nothing new: the link that is out there stays the valid one until the new mail has left.
func (b *Book) Reserve(ask Ask, d Decision, now time.Time, policy Policy) {
	key := AccessKey{ask.FirmID, ask.ClientID, d.Person}
	access := Access{State: Invited, InvitedAt: now}
	if standing := b.Accesses[key]; standing != nil {
		access.Version = standing.Version
		if ask.Kind == Resend {
			access = *standing
		}
	}
	access.Version++
	access.Email, access.MailedAt = d.Email.Normal, now
	if ask.Kind != Resend {
		access.InviteID = ask.InviteID
	}
	heldUntil := Forever
	if access.State != Active {
		access.State, access.ExpiresAt = Invited, now.Add(policy.InviteTTL)
		heldUntil = access.ExpiresAt
	}
	b.Accesses[key] = &access

	login := EmailKey{ask.FirmID, d.Email.Normal}
	clientID := ask.ClientID
	if held := b.Logins[login]; held != nil && held.Person == d.Person && held.ReservedAt(now) { // through another client's portal
		if held.ClientID != "" {
			clientID = min(clientID, held.ClientID) // the first of them, as the store finds it: a conflict that stays is told once
		}
		if held.ReservedUntil.After(heldUntil) {
			heldUntil = held.ReservedUntil
		}
	}
	b.Logins[login] = &Login{Person: d.Person, ReservedUntil: heldUntil, HolderName: d.Name, ClientID: clientID}
}

// question is an [Ask] with the facts that bear on it looked up.
type question struct {
	ask    Ask
	now    time.Time
	policy Policy

	firm        *Firm
	client      *Client
	person      Person
	contact     *Contact // nil for an added person, and for a contact nobody told us of
	name        string
	email       Email
	access      *Access // nil: never invited
	login       *Login  // who holds the email; nil: nobody
	suppression string  // cause, or ""
	template    bool    // the template exists
}

func (b *Book) open(ask Ask, now time.Time, policy Policy) *question {
	q := &question{
		ask: ask, now: now, policy: policy,
		firm:   b.Firms[ask.FirmID],
		client: b.Clients[ClientKey{ask.FirmID, ask.ClientID}],
		name:   ask.Recipient.Name,
		email:  ask.Recipient.Email,
	}
	q.person, q.contact = b.Resolve(ask)
	if q.contact != nil {
		q.name, q.email = q.contact.Name, q.contact.Email
	}
	q.access = b.Accesses[AccessKey{ask.FirmID, ask.ClientID, q.person}]
	if q.email.Normal != "" {
		key := EmailKey{ask.FirmID, q.email.Normal}
		q.login, q.suppression = b.Logins[key], b.Suppressed[key]
	}
	_, q.template = b.Templates[TemplateKey{ask.FirmID, ask.TemplateID}]
	return q
}

// ownReservation says whether the access is the one this very invite took when it was queued.
func (q *question) ownReservation() bool {
	return q.ask.Queued && q.access != nil && q.access.InviteID == q.ask.InviteID
}

// namedBefore says whether the access is the one that the same request took just before, when it named this person first:
// the second mention is a duplicate, and not an invite of somebody who is invited already.
func (q *question) namedBefore() bool {
	return q.ask.DuplicateOf != "" && q.access != nil && q.access.InviteID == q.ask.DuplicateOf
}
