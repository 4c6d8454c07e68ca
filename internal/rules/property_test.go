package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// A small world, so that drawn values are often the same: two firms, three clients, four contacts, five emails.
var (
	firms      = []string{acme, "other-firm"}
	clients    = []string{bottle, grove, "unknown-client"}
	contactIDs = []string{"dana", "omar", "pat", "lee"}
	templates  = []string{"", "spring", "autumn"}
	licenses   = []string{"document_management", "esign", "client_requests", "client_management"}
	someEmails = []Email{
		{}, danaEmail, omarEmail, email("shared@home.example"),
		{Written: "Shared@Home.example", Normal: "shared@home.example"}, {Written: "not an address"},
		{Written: "two@at.example;two@more.example"},
	}
	names = []string{"", "Dana Wu", "omar@haddad.example", "Pat <shared@home.example>"}
)

func oneOf[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}
func flip(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }

// around is the zero time, or a time so near to now that every boundary of the rules is met.
func around(t *rapid.T, label string) time.Time {
	if flip(t, label+" unset") {
		return time.Time{}
	}
	near := []time.Duration{
		0, -1, 1, -policy.ResendCooldown, 1 - policy.ResendCooldown, -policy.InviteTTL, policy.InviteTTL,
	}
	return now.Add(oneOf(t, label, near...))
}

func person(t *rapid.T) Person {
	return oneOf(t, "person", ContactPerson("dana"), ContactPerson("omar"), ContactPerson("pat"),
		AddedPerson("shared@home.example"), AddedPerson(danaEmail.Normal), "")
}

// anyBook may have facts that contradict each other. The rules must still answer.
func anyBook(t *rapid.T) *Book {
	b := NewBook()
	for _, firm := range firms {
		if flip(t, "firm is known") {
			f := &Firm{ID: firm, Name: oneOf(t, "firm's name", names...)}
			if flip(t, "lists licenses") {
				f.Licenses = rapid.SliceOfNDistinct(rapid.SampledFrom(licenses), 0, 4, rapid.ID).Draw(t, "licenses")
			}
			b.Firms[firm] = f
		}
		for _, client := range clients[:2] {
			c := &Client{ID: client, Name: oneOf(t, "client's name", names...), Active: flip(t, "active")}
			for _, id := range contactIDs {
				if flip(t, "on the client") {
					c.Contacts = append(c.Contacts, ClientContact{id, flip(t, "primary")})
				}
			}
			b.Clients[ClientKey{firm, client}] = c
			for range rapid.IntRange(0, 3).Draw(t, "accesses") {
				b.Accesses[AccessKey{firm, client, person(t)}] = &Access{
					State:    oneOf(t, "state", Invited, Active, Expired, Removed),
					InviteID: oneOf(t, "invite", "", "this-invite", "another"), Email: oneOf(t, "email", someEmails...).Normal,
					InvitedAt: around(t, "invited"), MailedAt: around(t, "mailed"), ExpiresAt: around(t, "expires"),
				}
			}
		}
		for _, id := range contactIDs[:3] { // the fourth has no fact
			b.Contacts[ContactKey{firm, id}] = &Contact{
				ID: id, Name: oneOf(t, "name", names...), Email: oneOf(t, "email", someEmails...),
			}
		}
		for _, e := range someEmails {
			if e.Normal != "" && flip(t, "reserved") {
				b.Logins[EmailKey{firm, e.Normal}] = &Login{
					Person: person(t), ReservedUntil: around(t, "reserved until"),
					HolderName: oneOf(t, "holder", names...), ClientID: grove,
				}
			}
			if flip(t, "suppressed") {
				b.Suppressed[EmailKey{firm, e.Normal}] = oneOf(t, "cause", "bounce", "complaint", "manual", "new cause")
			}
		}
		for _, e := range someEmails {
			if flip(t, "declined") {
				b.Declined[EmailKey{firm, e.Normal}] = Declined{At: around(t, "declined at"), BulkOnly: flip(t, "by one click")}
			}
		}
		b.Templates[TemplateKey{firm, "spring"}] = "Hello"
	}
	return b
}

func anyAsk(t *rapid.T) Ask {
	r := Recipient{ContactID: oneOf(t, "contact", contactIDs...)}
	switch rapid.IntRange(0, 5).Draw(t, "recipient") {
	case 0:
		r = Recipient{}
	case 1, 2:
		r = Recipient{Email: oneOf(t, "added email", someEmails...), Name: oneOf(t, "added name", names...)}
	}
	return Ask{
		FirmID: oneOf(t, "firm", firms...), ClientID: oneOf(t, "client", clients...), Recipient: r,
		Process: oneOf(t, "process", Processes()...), Kind: oneOf(t, "kind", Invite, Resend),
		TemplateID: oneOf(t, "template", templates...), DuplicateOf: oneOf(t, "duplicate of", "", "another invite"),
		InviteID: "this-invite", Queued: flip(t, "queued"),
	}
}

func TestEveryQuestionHasAnAnswer(t *testing.T) {
	t.Parallel()
	waits := []Code{ResendTooSoon, RecipientLimit, AddedPeopleLimit}
	onlyInBulk := []Code{NoPrimaryContact, ContactNotPrimary, ClientHasNoContacts}
	rapid.Check(t, func(t *rapid.T) {
		b, ask := anyBook(t), anyAsk(t)
		d := b.Decide(ask, now, policy)

		if again := b.Decide(ask, now, policy); !reflect.DeepEqual(d, again) {
			t.Errorf("asked twice, it answers\n  %+v\nand\n  %+v", d, again)
		}
		at := -1
		for _, r := range d.Reasons {
			next := slices.Index(Codes(), r.Code)
			if next <= at {
				t.Errorf("%s is out of order or occurs more than once: %v", r.Code, codes(d))
			}
			at = next
			if r.Explanation == "" || r.Remedy == "" || strings.Contains(r.Explanation+r.Remedy, "%!") {
				t.Errorf("%s explains %q and advises %q", r.Code, r.Explanation, r.Remedy)
			}
			if ask.Process != Bulk && slices.Contains(onlyInBulk, r.Code) {
				t.Errorf("%s in a request that is not in bulk", r.Code)
			}
			if (r.Code == EmailShared) != (r.Conflict != nil) || slices.Contains(waits, r.Code) != !r.RetryAt.IsZero() {
				t.Errorf("%s comes with conflict %v and retry_at %v", r.Code, r.Conflict, r.RetryAt)
			}
		}
		if d.Send() && !ask.Recipient.IsClient() && (d.Person == "" || d.Email.Normal == "") {
			t.Errorf("a mail to nobody: %+v", d)
		}
		mustHideEmails(t, d, danaEmail, omarEmail, email("shared@home.example"), email("two@at.example"))
	})
}

// The facts of one firm change no decision about another.
func TestNothingCrossesFirms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, ask := anyBook(t), anyAsk(t)
		before := b.Decide(ask, now, policy)
		alone := NewBook()
		alone.Firms[ask.FirmID] = b.Firms[ask.FirmID]
		if b.Firms[ask.FirmID] == nil {
			delete(alone.Firms, ask.FirmID)
		}
		keep(alone.Clients, b.Clients, func(k ClientKey) bool { return k.FirmID == ask.FirmID })
		keep(alone.Contacts, b.Contacts, func(k ContactKey) bool { return k.FirmID == ask.FirmID })
		keep(alone.Accesses, b.Accesses, func(k AccessKey) bool { return k.FirmID == ask.FirmID })
		keep(alone.Logins, b.Logins, func(k EmailKey) bool { return k.FirmID == ask.FirmID })
		keep(alone.Declined, b.Declined, func(k EmailKey) bool { return k.FirmID == ask.FirmID })
		keep(alone.Suppressed, b.Suppressed, func(k EmailKey) bool { return k.FirmID == ask.FirmID })
		keep(alone.Templates, b.Templates, func(k TemplateKey) bool { return k.FirmID == ask.FirmID })
		if after := alone.Decide(ask, now, policy); !reflect.DeepEqual(before, after) {
			t.Errorf("without the other firm the reasons are %v, with it %v", codes(after), codes(before))
		}
	})
}

func keep[K comparable, V any](into, from map[K]V, wanted func(K) bool) {
	for k, v := range from {
		if wanted(k) {
			into[k] = v
		}
	}
}

func TestMaskedHidesTheLocalPart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringMatching(`[^@•]{2,20}`).Draw(t, "local")
		domain := rapid.StringMatching(`[a-z]{1,8}(\.[a-z]{2,5}){1,2}`).Draw(t, "domain")
		e := email(local + "@" + domain)
		if flip(t, "not valid") {
			e.Normal = ""
		}
		masked := e.Masked()
		shown, at, _ := strings.Cut(masked, "@")
		if strings.Contains(shown, local) || utf8.RuneCountInString(strings.TrimSuffix(shown, "•••")) > 1 {
			t.Errorf("%q is shown as %q", e.Written, masked)
		}
		if at != domain {
			t.Errorf("%q is shown with the domain %q", e.Written, at)
		}
	})
}

// machine plays a firm's life on one book: invites, resends, logins, removals and changed emails, in any order, while
// time passes.
type machine struct {
	*Book
	at      time.Time
	invites int
}

func TestNoLoginIsReservedForTwo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{Book: office(), at: now}
		m.Contacts[ContactKey{acme, "omar"}].Email = danaEmail // spouses
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "ask": m.askAndReserve, "log in": m.logIn, "remove": m.remove, "change email": m.changeEmail,
			"wait": func(t *rapid.T) {
				m.at = m.at.Add(oneOf(t, "wait", time.Minute, policy.ResendCooldown, policy.InviteTTL/2, policy.InviteTTL))
			},
		})
	})
}

func (m *machine) askAndReserve(t *rapid.T) {
	m.invites++
	ask := Ask{
		FirmID: acme, ClientID: oneOf(t, "client", clients[:2]...),
		Recipient: Recipient{ContactID: oneOf(t, "contact", "dana", "omar")},
		Process:   oneOf(t, "process", ClientRecord, Bulk), Kind: oneOf(t, "kind", Invite, Resend),
		InviteID: fmt.Sprint("invite-", m.invites),
	}
	if flip(t, "added by email") {
		ask.Process = ClientRecord
		added := oneOf(t, "added email", danaEmail, omarEmail, email("shared@home.example"))
		ask.Recipient = Recipient{Email: added, Name: "Pat Lee"}
	}
	d := m.Decide(ask, m.at, policy)
	if !d.Send() {
		return
	}
	access := m.Accesses[AccessKey{acme, ask.ClientID, d.Person}]
	overtakes := access != nil && access.Waits == WaitsInRun && ask.Process != Bulk // ADR 131
	live := access != nil && m.live(access)
	moves := live && access.State == Invited && access.Email != d.Email.Normal // an invite to another email ends it
	if live != (ask.Kind == Resend) && !moves && !overtakes {
		t.Fatalf("%s of %s goes out; access is live: %v", ask.Kind, d.Person, live)
	}
	m.Reserve(ask, d, m.at, policy)

	ask.Queued = true
	if again := m.Decide(ask, m.at, policy); !again.Send() {
		t.Fatalf("decided again just before it leaves, it is skipped for %v", codes(again))
	}
}

// access draws one of the accesses. Maps have no order and a failed property must replay, so it sorts them first.
func (m *machine) access(t *rapid.T) (AccessKey, *Access) {
	keys := make([]AccessKey, 0, len(m.Accesses))
	for k := range m.Accesses {
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		t.Skip("nobody was invited yet")
	}
	slices.SortFunc(keys, func(a, b AccessKey) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	k := oneOf(t, "access", keys...)
	return k, m.Accesses[k]
}

func (m *machine) logIn(t *rapid.T) {
	k, a := m.access(t)
	if m.live(a) {
		a.State, a.ExpiresAt = Active, time.Time{}
		m.Logins[EmailKey{acme, a.Email}] = &Login{Person: k.Person, ReservedUntil: Forever, ClientID: k.ClientID}
	}
}

// remove ends an access. It frees the login if the person's other accesses do not use it.
func (m *machine) remove(t *rapid.T) {
	k, a := m.access(t)
	a.State = Removed
	for other, b := range m.Accesses {
		if other.Person == k.Person && b.Email == a.Email && m.live(b) {
			return
		}
	}
	if login := m.Logins[EmailKey{acme, a.Email}]; login != nil && login.Person == k.Person {
		delete(m.Logins, EmailKey{acme, a.Email})
	}
}

func (m *machine) changeEmail(t *rapid.T) {
	contact := m.Contacts[ContactKey{acme, oneOf(t, "contact", "dana", "omar")}]
	contact.Email = oneOf(t, "email", danaEmail, omarEmail, email("new@home.example"))
}

func (m *machine) live(a *Access) bool {
	s := a.StateAt(m.at)
	return s == Invited || s == Active
}

func (m *machine) check(t *rapid.T) {
	owners := map[string]Person{}
	for k, a := range m.Accesses {
		if !m.live(a) {
			continue
		}
		if other, ok := owners[a.Email]; ok && other != k.Person {
			t.Fatalf("%s and %s both log in with one email", other, k.Person)
		}
		owners[a.Email] = k.Person
		if login := m.Logins[EmailKey{acme, a.Email}]; login == nil || login.Person != k.Person || !login.ReservedAt(m.at) {
			t.Fatalf("%s has access, and its login is %+v", k.Person, login)
		}
	}
}
