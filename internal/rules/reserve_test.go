package rules

import (
	"testing"
	"time"
)

// sendTo decides and reserves, as a batch does.
func (s *scene) sendTo(t *testing.T, ask Ask, at time.Time) Decision {
	t.Helper()
	d := s.Decide(ask, at, policy)
	mustSend(t, d)
	s.Reserve(ask, d, at, policy)
	return d
}

// spouses gives Omar the same email as Dana.
func spouses() *scene {
	s := setTheScene(inviting)
	s.Contacts[ContactKey{acme, "omar"}].Email = danaEmail
	return s
}

func TestSpousesInOneBook(t *testing.T) {
	t.Parallel()
	s := spouses()
	s.sendTo(t, s.ask, now)

	omar := s.ask
	omar.Recipient, omar.InviteID = Recipient{ContactID: "omar"}, "omars-invite"
	d := s.Decide(omar, now, policy)
	if d.Reason() != EmailShared || len(d.Reasons) != 1 {
		t.Fatalf("the second spouse: %v, want email_shared", codes(d))
	}
	if c := d.Reasons[0].Conflict; c == nil || *c != (Conflict{ContactID: "dana", ClientID: bottle}) {
		t.Errorf("the conflict is %+v, want Dana on Blue Bottle", c)
	}
	if d.Settled() {
		t.Error("email_shared can be fixed, so it must not settle the skip")
	}
	expired := now.Add(policy.InviteTTL)
	if d := s.Decide(omar, expired.Add(-1), policy); d.Reason() != EmailShared {
		t.Errorf("just before Dana's invite expires: %v", codes(d))
	}
	mustSend(t, s.Decide(omar, expired, policy))
}

func TestOneLoginOpensSeveralClients(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.sendTo(t, s.ask, now)
	second := s.ask
	second.ClientID, second.InviteID = grove, "second-invite"
	s.sendTo(t, second, now.Add(time.Hour))

	login := s.Logins[EmailKey{acme, danaEmail.Normal}]
	if want := now.Add(time.Hour + policy.InviteTTL); !login.ReservedUntil.Equal(want) {
		t.Errorf("reserved until %v, want until the later invite expires, %v", login.ReservedUntil, want)
	}
}

func TestSharedEmailOfAnAddedPerson(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.add(email("pat@lee.example"))
	s.sendTo(t, s.ask, now)

	s.dana().Email = email("pat@lee.example")
	s.client().Contacts = nil // otherwise the added email is Dana's own
	s.ask.ClientID, s.ask.Recipient = grove, Recipient{ContactID: "dana"}
	d := s.decide()
	if d.Reason() != EmailShared {
		t.Fatalf("reasons are %v, want email_shared", codes(d))
	}
	if c := d.Reasons[0].Conflict; *c != (Conflict{ClientID: bottle}) {
		t.Errorf("the conflict is %+v, want no contact and the client Blue Bottle", c)
	}
	mustHideEmails(t, d, email("pat@lee.example"))
}

func TestAddedEmailOfAContactMeansThatContact(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.add(Email{Written: "Dana.Wu@BlueBottle.example", Normal: danaEmail.Normal})
	d := s.decide()
	if d.Person != ContactPerson("dana") || d.Name != "Dana Wu" || d.Email != danaEmail {
		t.Errorf("it goes to %+v, want the name and email of Dana's contact record", d)
	}
	s.grantDana(Access{State: Active})
	if d := s.decide(); d.Reason() != AlreadyHasAccess {
		t.Errorf("Dana logs in already: %v, want already_has_access", codes(d))
	}

	s.contacts(primary("omar"))
	clear(s.Accesses)
	d = s.decide()
	if d.Reason() != EmailShared || d.Person != AddedPerson(danaEmail.Normal) {
		t.Errorf("Dana is a contact of other clients only: %v of %s, want email_shared of an added person",
			codes(d), d.Person)
	}
}

func TestAddedPersonWithoutAnEmail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		email Email
		want  Code
	}{
		"blank":     {Email{}, EmailMissing},
		"no domain": {Email{Written: "pat.lee"}, EmailInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(inviting)
			s.add(c.email)
			if d := s.decide(); d.Reason() != c.want || d.Person != "" {
				t.Errorf("reasons are %v for the person %q, want %s for no person", codes(d), d.Person, c.want)
			}
		})
	}
}

func TestReservationOfAnInvite(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.sendTo(t, s.ask, now)
	want := Access{
		State: Invited, InviteID: "this-invite", Email: danaEmail.Normal,
		InvitedAt: now, MailedAt: now, ExpiresAt: now.Add(policy.InviteTTL), Waits: WaitsAlone, Version: 1,
	}
	if got := s.Accesses[AccessKey{acme, bottle, ContactPerson("dana")}]; got == nil || *got != want {
		t.Errorf("access is %+v, want %+v", got, want)
	}
	login := Login{Person: ContactPerson("dana"), ReservedUntil: want.ExpiresAt, HolderName: "Dana Wu", ClientID: bottle}
	if got := s.Logins[EmailKey{acme, danaEmail.Normal}]; got == nil || *got != login {
		t.Errorf("login is %+v, want %+v", got, login)
	}
}

func TestReservationOfAResend(t *testing.T) {
	t.Parallel()
	invited := now.Add(-24 * time.Hour)
	expires := invited.Add(policy.InviteTTL)
	for name, c := range map[string]struct {
		before, after Access
		reservedUntil time.Time
	}{
		"the first link keeps its time": {
			before:        Access{State: Invited, InviteID: "first-invite", InvitedAt: invited, ExpiresAt: expires, Version: 7},
			after:         Access{State: Invited, InvitedAt: invited, ExpiresAt: expires},
			reservedUntil: expires,
		},
		"active access stays active": {
			before:        Access{State: Active, InvitedAt: invited, Version: 7},
			after:         Access{State: Active, InvitedAt: invited},
			reservedUntil: Forever,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(resending)
			s.grantDana(c.before)
			s.sendTo(t, s.ask, now)

			want := c.after
			want.InviteID = c.before.InviteID // the old link, until the new mail has left
			want.Email, want.MailedAt, want.Version = danaEmail.Normal, now, 8
			if got := s.Accesses[AccessKey{acme, bottle, ContactPerson("dana")}]; *got != want {
				t.Errorf("access is %+v, want %+v", *got, want)
			}
			if got := s.Logins[EmailKey{acme, danaEmail.Normal}].ReservedUntil; !got.Equal(c.reservedUntil) {
				t.Errorf("reserved until %v, want %v", got, c.reservedUntil)
			}
		})
	}
}

// The login of an active access is reserved for ever. It must not end with an invite to another client. If it opens
// several clients' portals, it names the first, so that the words of a conflict stay the same.
func TestAReservationNeverShortensALogin(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.giveLogin(danaEmail, "dana", "Dana Wu", Forever)
	s.sendTo(t, s.ask, now)
	got := s.Logins[EmailKey{acme, danaEmail.Normal}]
	if got.ReservedUntil != Forever || got.ClientID != min(bottle, grove) {
		t.Errorf("the login is now %+v", got)
	}
}

// A recipient's key is made of what the request says. Facts may change between two deliveries of a request.
func TestRecipientKey(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Recipient{
		"contact:dana":              {ContactID: "dana"},
		"email:pat@lee.example":     {Email: Email{Written: "Pat@Lee.example", Normal: "pat@lee.example"}, Name: "Pat"},
		"written:pat.lee.at.home":   {Email: Email{Written: "pat.lee.at.home"}},
		"client":                    {},
		"email:dana.wu@elsewhere.x": {Email: email("dana.wu@elsewhere.x")},
	} {
		if got := r.Key(); got != want {
			t.Errorf("the key of %+v is %q, want %q", r, got, want)
		}
		if r.IsClient() != (want == "client") {
			t.Errorf("%+v: IsClient is %v", r, r.IsClient())
		}
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]Email{
		"d•••@bluebottle.example": danaEmail,
		"x•••@y.example":          email("x@y.example"),
		"p•••@lee.example":        {Written: "Pat@Lee.example", Normal: "pat@lee.example"},
		"é•••@lee.example":        {Written: "émile@lee.example"},
		"•••@lee.example":         {Written: "@lee.example"},
		"•••":                     {Written: "pat.lee.example"},
		"":                        {},
	} {
		if got := e.Masked(); got != want {
			t.Errorf("%+v is shown as %q, want %q", e, got, want)
		}
	}
	if got := (Email{Written: "pat@lee.example;dana@wu.example"}).Masked(); got != "•••" {
		t.Errorf("two addresses in one field are shown as %q", got)
	}
}

// A person without a known name is often entered under their email.
func TestEmailsInNamesAreMasked(t *testing.T) {
	t.Parallel()
	s := setTheScene(bulkInviting)
	s.dana().Name = "Dana (" + danaEmail.Written + ")"
	s.client().Name = omarEmail.Written
	s.contacts(other("dana"))
	s.giveLogin(danaEmail, "omar", omarEmail.Written, Forever)
	d := s.decide()
	mustHideEmails(t, d, danaEmail, omarEmail)
	want := "Mark Dana (d•••@bluebottle.example) as Primary on o•••@haddad.example, or send an individual invite."
	if got := d.Reasons[0].Remedy; got != want {
		t.Errorf("the remedy is\n  %s\nwant\n  %s", got, want)
	}
	if d.Name != s.dana().Name {
		t.Errorf("the mail greets %q, want the contact's name unchanged", d.Name)
	}
}

// A person who was added by email may be the same as the contact who has that email now. The remedy covers both cases.
func TestEmailSharedWithAnAddedPerson(t *testing.T) {
	t.Parallel()
	for client, where := range map[string]string{bottle: " on Blue Bottle LLC", grove: " on client " + grove, "": ""} {
		s := setTheScene(inviting)
		s.Logins[EmailKey{acme, danaEmail.Normal}] = &Login{
			Person: AddedPerson(danaEmail.Normal), ReservedUntil: Forever, ClientID: client,
		}
		want := "If that is Dana Wu, remove the portal access of this email" + where +
			", then invite again. If not, give Dana Wu an email of their own."
		if d := s.decide(); d.Reason() != EmailShared || d.Reasons[0].Remedy != want {
			t.Errorf("%+v, want the remedy %q", d.Reasons, want)
		}
	}
}
