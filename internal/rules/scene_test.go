package rules

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The scene of most tests: Acme Tax and its client Blue Bottle LLC, with Dana Wu as Primary and Omar Haddad as another
// contact. Every rule holds in the scene. Each test breaks the rule that it is about.

const (
	acme   = "acme"
	bottle = "blue-bottle"
	grove  = "olive-grove" // another client of the firm, with Dana and Omar on it, too
)

var (
	now    = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	policy = Policy{InviteTTL: DefaultInviteTTL, ResendCooldown: DefaultResendCooldown, Limits: Limits{
		RecipientDay: 10, RecipientHour: 3, ContactDay: 50, ContactShare: 3, AddedPeopleDay: 500,
	}}

	danaEmail = email("dana.wu@bluebottle.example")
	omarEmail = email("omar@haddad.example")
)

// email is an address written in its normal form.
func email(normal string) Email { return Email{Written: normal, Normal: normal} }

// situation is one way in which the rules are asked. Together, the situations are the values of the contract's column
// "asked for".
type situation struct {
	name    string
	process Process
	kind    Kind
	queued  bool
}

var (
	inviting      = situation{name: "individual invite", process: ClientRecord, kind: Invite}
	resending     = situation{name: "individual resend", process: ClientRecord, kind: Resend}
	bulkInviting  = situation{name: "bulk invite", process: Bulk, kind: Invite}
	bulkResending = situation{name: "bulk resend", process: Bulk, kind: Resend}
	queuedInvite  = situation{name: "queued invite", process: ClientRecord, kind: Invite, queued: true}

	situations = []situation{inviting, resending, bulkInviting, bulkResending, queuedInvite}
)

type scene struct {
	*Book
	ask Ask
}

// setTheScene asks about Dana on Blue Bottle, and the answer is: send. For a resend, she was invited an hour ago. A
// queued invite has its own reservation.
func setTheScene(s situation) *scene {
	sc := &scene{Book: office(), ask: Ask{
		FirmID: acme, ClientID: bottle, Recipient: Recipient{ContactID: "dana"},
		Process: s.process, Kind: s.kind, InviteID: "this-invite", Queued: s.queued,
	}}
	switch {
	case s.kind == Resend:
		sc.grantDana(Access{State: Invited, InviteID: "first-invite"})
	case s.queued:
		sc.grantDana(Access{State: Invited, InviteID: sc.ask.InviteID})
	}
	return sc
}

func office() *Book {
	b := NewBook()
	b.Firms[acme] = &Firm{ID: acme, Name: "Acme Tax"}
	for id, name := range map[string]string{bottle: "Blue Bottle LLC", grove: "Olive Grove Inc"} {
		b.Clients[ClientKey{acme, id}] = &Client{
			ID: id, Kind: Business, Name: name, Active: true,
			Contacts: []ClientContact{{"dana", true}, {"omar", false}},
		}
	}
	b.Contacts[ContactKey{acme, "dana"}] = &Contact{ID: "dana", Name: "Dana Wu", Email: danaEmail, Locale: "en-US"}
	b.Contacts[ContactKey{acme, "omar"}] = &Contact{ID: "omar", Name: "Omar Haddad", Email: omarEmail}
	return b
}

// grantDana gives Dana access to Blue Bottle. Fields that are not set get the values of an invite an hour ago.
func (s *scene) grantDana(a Access) {
	if a.Email == "" {
		a.Email = danaEmail.Normal
	}
	if a.InvitedAt.IsZero() {
		a.InvitedAt = now.Add(-time.Hour)
	}
	if a.MailedAt.IsZero() {
		a.MailedAt = a.InvitedAt
	}
	if a.ExpiresAt.IsZero() && a.State == Invited {
		a.ExpiresAt = a.InvitedAt.Add(policy.InviteTTL)
	}
	s.Accesses[AccessKey{acme, bottle, ContactPerson("dana")}] = &a
	s.giveLogin(danaEmail, "dana", "Dana Wu", a.ExpiresAt)
}

// giveLogin gives the login of an email to a contact. A zero time means for ever.
func (s *scene) giveLogin(e Email, contactID, name string, until time.Time) {
	if until.IsZero() {
		until = Forever
	}
	s.Logins[EmailKey{acme, e.Normal}] = &Login{
		Person: ContactPerson(contactID), ReservedUntil: until, HolderName: name, ClientID: grove,
	}
}

// mailedDana counts mails of a firm to Dana.
func (s *scene) mailedDana(firm string, n int, kind Kind, at time.Time) {
	m := s.Mailboxes[danaEmail.Mailbox()]
	if m == nil {
		m = &Mailbox{}
		s.Mailboxes[danaEmail.Mailbox()] = m
	}
	for range n {
		m.Mails = append(m.Mails, Counted{
			FirmID: firm, Mail: strconv.Itoa(len(m.Mails)), Contact: true, Resend: kind == Resend, At: at, Left: at,
		})
	}
}

func (s *scene) client() *Client  { return s.Clients[ClientKey{acme, bottle}] }
func (s *scene) dana() *Contact   { return s.Contacts[ContactKey{acme, "dana"}] }
func (s *scene) decide() Decision { return s.Decide(s.ask, now, policy) }
func (s *scene) add(e Email)      { s.ask.Recipient = Recipient{Email: e, Name: "Pat Lee"} }

// contacts replaces the client's contacts.
func (s *scene) contacts(on ...ClientContact) { s.client().Contacts = on }

func primary(id string) ClientContact { return ClientContact{ContactID: id, Primary: true} }
func other(id string) ClientContact   { return ClientContact{ContactID: id} }

func codes(d Decision) []Code {
	var list []Code
	for _, r := range d.Reasons {
		list = append(list, r.Code)
	}
	return list
}

func mustSend(t *testing.T, d Decision) {
	t.Helper()
	if !d.Send() {
		t.Fatalf("skipped for %v, want it sent: %+v", codes(d), d.Reasons)
	}
}

// mustHideEmails checks that no text of a decision has a full email, as the contract promises.
func mustHideEmails(t rapid.TB, d Decision, secret ...Email) {
	t.Helper()
	for _, r := range d.Reasons {
		for _, e := range secret {
			if e.Written != "" && strings.Contains(strings.ToLower(r.Explanation+r.Remedy), strings.ToLower(e.Written)) {
				t.Errorf("%s shows an email in full: %s %s", r.Code, r.Explanation, r.Remedy)
			}
		}
	}
}
