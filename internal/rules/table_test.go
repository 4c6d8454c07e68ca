package rules

import (
	"slices"
	"testing"
	"time"
)

// contractRow is one row of the contract's table. In a situation for which the rule is asked, breaking it gives this
// reason and no other. In the other situations the code does not appear.
type contractRow struct {
	code     Code
	askedFor []situation
	settled  bool
	when     func(*scene) // breaks the rule

	explanation, remedy string // in the first of the situations

	butNot map[string]func(*scene) // similar changes that do not break the rule
}

var (
	everyone     = situations
	individually = []situation{inviting, resending, queuedInvite}
	inBulk       = []situation{bulkInviting, bulkResending}
	forInvites   = []situation{inviting, bulkInviting, queuedInvite}
	forResends   = []situation{resending, bulkResending}
)

var contract = []contractRow{
	{
		code: RunCancelled, askedFor: everyone,
		when: func(s *scene) { s.ask.Cancelled = Cancelled{"Maria Lopez", now} },
		explanation: "Maria Lopez cancelled the run before the mail to Dana Wu for Blue Bottle LLC had left, " +
			"on March 2, 2026.",
		remedy: "Nothing to do, if that was meant. To send the mail after all, replay that run, or send an individual " +
			"invite.",
	},
	{
		code: PersonErased, askedFor: everyone, settled: true,
		when:        func(s *scene) { s.ask.Erased = true },
		explanation: "The firm has erased this person, so nothing is sent to them.",
		remedy: "Nothing to do, if that was meant. To invite the person after all, lift the erasure, publish the contact " +
			"and its clients again, and send a new request.",
	},
	{
		code: FirmNotFound, askedFor: everyone,
		when:        func(s *scene) { delete(s.Firms, acme) },
		explanation: `Nothing is known of the firm "acme" yet: its name and portal address have not arrived.`,
		remedy:      "Publish the firm's settings (FirmUpserted), then replay.",
	},
	{
		code: LicenseRequired, askedFor: inBulk, // TestLicenses has the other processes
		when:        func(s *scene) { s.Firms[acme].Licenses = []string{"document_management", "esign", "client_requests"} },
		explanation: "Acme Tax has no license for Client Management, which inviting in bulk needs.",
		remedy:      "Add the Client Management license to the firm's plan, or invite from the client record.",
		butNot: map[string]func(*scene){
			"the firm lists no licenses at all": func(s *scene) { s.Firms[acme].Licenses = nil },
			"the license is on the list": func(s *scene) {
				s.Firms[acme].Licenses = []string{"esign", "client_management"}
			},
		},
	},
	{
		code: ClientNotFound, askedFor: everyone,
		when:        func(s *scene) { delete(s.Clients, ClientKey{acme, bottle}) },
		explanation: `There is no client "blue-bottle" at this firm; it may have been deleted.`,
		remedy:      "Check the client's id, or restore the client, then invite again.",
	},
	{
		code: ClientInactive, askedFor: everyone,
		when:        func(s *scene) { s.client().Active = false },
		explanation: "Blue Bottle LLC is archived, and an archived client has no portal.",
		remedy:      "Make Blue Bottle LLC active again, then invite.",
		butNot: map[string]func(*scene){
			"another client is archived": func(s *scene) { s.Clients[ClientKey{acme, grove}].Active = false },
		},
	},
	{
		code: ClientHasNoContacts, askedFor: inBulk,
		when:        func(s *scene) { s.contacts(); s.ask.Recipient = Recipient{} },
		explanation: "Blue Bottle LLC has no contacts, so there is nobody to invite.",
		remedy:      "Add a contact with an email to Blue Bottle LLC and mark it as Primary.",
	},
	{
		code: ContactNotFound, askedFor: individually,
		when:        func(s *scene) { delete(s.Contacts, ContactKey{acme, "dana"}) },
		explanation: `There is no contact "dana" at this firm; it may have been deleted.`,
		remedy:      "Pick a contact that exists, or add the person again.",
	},
	{
		code: ContactNotOnClient, askedFor: individually,
		when:        func(s *scene) { s.contacts(primary("omar")) },
		explanation: "Dana Wu is not a contact of Blue Bottle LLC.",
		remedy:      "Add Dana Wu to the contacts of Blue Bottle LLC, then invite again.",
	},
	{
		code: NoPrimaryContact, askedFor: inBulk,
		when:        func(s *scene) { s.contacts(other("dana"), other("omar")) },
		explanation: "Bulk invites go to Primary contacts only, and Blue Bottle LLC has none.",
		remedy:      "Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.",
		butNot: map[string]func(*scene){
			"she is the only contact, and Primary": func(s *scene) { s.contacts(primary("dana")) },
		},
	},
	{
		code: ContactNotPrimary, askedFor: inBulk,
		when:        func(s *scene) { s.contacts(other("dana"), primary("omar")) },
		explanation: "Bulk invites go to Primary contacts only, and Dana Wu is not Primary on Blue Bottle LLC.",
		remedy:      "Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.",
		butNot: map[string]func(*scene){
			"both are Primary": func(s *scene) { s.contacts(primary("dana"), primary("omar")) },
		},
	},
	{
		code: EmailMissing, askedFor: everyone,
		when:        func(s *scene) { s.dana().Email = Email{} },
		explanation: "Dana Wu has no email address.",
		remedy:      "Add an email to Dana Wu.",
	},
	{
		code: EmailInvalid, askedFor: everyone,
		when:        func(s *scene) { s.dana().Email = Email{Written: "dana.wu.bluebottle.example"} },
		explanation: "The email of Dana Wu is not a valid address.",
		remedy:      "Correct the email of Dana Wu.",
	},
	{
		code: EmailSuppressed, askedFor: everyone,
		when:        func(s *scene) { s.Suppressed[EmailKey{acme, danaEmail.Normal}] = "bounce" },
		explanation: "Mail to d•••@bluebottle.example is stopped: an earlier mail to it came back.",
		remedy:      "Ask Dana Wu for a working address and enter it, or lift the block on this one.",
		butNot: map[string]func(*scene){
			"another firm's block": func(s *scene) { s.Suppressed[EmailKey{"other-firm", danaEmail.Normal}] = "bounce" },
			"another email":        func(s *scene) { s.Suppressed[EmailKey{acme, omarEmail.Normal}] = "bounce" },
		},
	},
	{
		code: EmailShared, askedFor: everyone,
		when: func(s *scene) { s.giveLogin(danaEmail, "omar", "Omar Haddad", now.Add(time.Second)) },
		explanation: "d•••@bluebottle.example already opens the portal for Omar Haddad, " +
			"and one email can belong to one person only.",
		remedy: "Give Dana Wu an email of their own, or remove the portal access of Omar Haddad first.",
		butNot: map[string]func(*scene){
			"it is her own login, for another client":    func(s *scene) { s.giveLogin(danaEmail, "dana", "Dana Wu", Forever) },
			"the other person's invite has just expired": func(s *scene) { s.giveLogin(danaEmail, "omar", "Omar Haddad", now) },
			"a person of another firm has the login": func(s *scene) {
				s.Logins[EmailKey{"other-firm", danaEmail.Normal}] = &Login{Person: ContactPerson("omar"), ReservedUntil: Forever}
			},
		},
	},
	{
		code: HasDeclined, askedFor: everyone, settled: true,
		when:        func(s *scene) { s.Declined[EmailKey{acme, danaEmail.Normal}] = Declined{At: now} },
		explanation: "Whoever reads d•••@bluebottle.example said on March 2, 2026 that an invite was not meant for them.",
		remedy: "Check with Dana Wu that this is their email. If it is, send the invite again and confirm that they are " +
			"invited despite that (despite_decline).",
		butNot: map[string]func(*scene){
			"another firm's decline": func(s *scene) {
				s.Declined[EmailKey{"other-firm", danaEmail.Normal}] = Declined{At: now}
			},
			"another email": func(s *scene) { s.Declined[EmailKey{acme, omarEmail.Normal}] = Declined{At: now} },
		},
	},
	{
		code: AlreadyInvited, askedFor: forInvites, settled: true,
		when:        func(s *scene) { s.grantDana(Access{State: Invited, InviteID: "first-invite"}) },
		explanation: "Dana Wu was invited to the portal of Blue Bottle LLC on March 2, 2026 and has not logged in yet.",
		remedy:      "Nothing to do. To remind them, resend the invite.",
		butNot: map[string]func(*scene){
			"the invite has just expired": func(s *scene) {
				s.grantDana(Access{State: Invited, InviteID: "first-invite", ExpiresAt: now})
			},
			"its expiry is stored": func(s *scene) { s.grantDana(Access{State: Expired, InviteID: "first-invite"}) },
		},
	},
	{
		code: AlreadyHasAccess, askedFor: forInvites, settled: true,
		when:        func(s *scene) { s.grantDana(Access{State: Active}) },
		explanation: "Dana Wu already uses the portal of Blue Bottle LLC.",
		remedy:      "Nothing to do. If they can't log in, resend the invite.",
		butNot: map[string]func(*scene){
			"on another client only": func(s *scene) {
				s.Accesses[AccessKey{acme, grove, ContactPerson("dana")}] = &Access{State: Active, Email: danaEmail.Normal}
				s.giveLogin(danaEmail, "dana", "Dana Wu", Forever)
			},
		},
	},
	{
		code: NotInvited, askedFor: forResends, settled: true,
		when:        func(s *scene) { clear(s.Accesses) },
		explanation: "Dana Wu has not been invited to the portal of Blue Bottle LLC, so there is nothing to send again.",
		remedy:      "Send an invite instead.",
		butNot: map[string]func(*scene){
			"she has logged in already": func(s *scene) { s.grantDana(Access{State: Active}) },
			"it expires in a second": func(s *scene) {
				s.grantDana(Access{State: Invited, ExpiresAt: now.Add(time.Second)})
			},
		},
	},
	{
		code: AccessRemoved, askedFor: []situation{resending, bulkResending, queuedInvite}, settled: true,
		when:        func(s *scene) { s.grantDana(Access{State: Removed}) },
		explanation: "The access of Dana Wu to the portal of Blue Bottle LLC was removed.",
		remedy:      "Send a new invite if they should have access again.",
	},
	{
		code: EmailChanged, askedFor: forResends,
		when:        func(s *scene) { s.dana().Email = email("dana@new.example") },
		explanation: "The email of Dana Wu has changed since they were invited; their login still has the old one.",
		remedy:      "Remove the portal access of Dana Wu, then invite them at d•••@new.example.",
		butNot: map[string]func(*scene){
			"only its spelling has changed": func(s *scene) { s.dana().Email.Written = "Dana.Wu@BlueBottle.example" },
		},
	},
	{
		code: ResendTooSoon, askedFor: forResends, settled: true,
		when: func(s *scene) {
			s.grantDana(Access{State: Invited, MailedAt: now.Add(-policy.ResendCooldown + time.Second)})
		},
		explanation: "Dana Wu was sent a mail for Blue Bottle LLC a moment ago.",
		remedy:      "Wait until 09:31 UTC, and ask them to look into their spam folder.",
		butNot: map[string]func(*scene){
			"the cooldown has just passed": func(s *scene) {
				s.grantDana(Access{State: Invited, MailedAt: now.Add(-policy.ResendCooldown)})
			},
		},
	},
	{
		code: RecipientLimit, askedFor: everyone,
		when: func(s *scene) {
			s.mailedDana(acme, 50, Invite, now.Add(-time.Hour/2))
			s.mailedDana(acme, 3, Resend, now)
		},
		explanation: "This firm has sent d•••@bluebottle.example as many mails as it may for now.",
		remedy:      "Wait until 09:00 UTC on March 3, 2026, then try again.",
		butNot: map[string]func(*scene){
			"another firm has": func(s *scene) {
				s.mailedDana("other-firm", 50, Invite, now)
				s.mailedDana("other-firm", 10, Resend, now)
			},
			"one mail less": func(s *scene) { s.mailedDana(acme, 49, Invite, now); s.mailedDana(acme, 2, Resend, now) },
			"a day has passed": func(s *scene) {
				s.mailedDana(acme, 50, Invite, now.Add(-24*time.Hour))
				s.mailedDana(acme, 10, Resend, now.Add(-24*time.Hour))
			},
			"this mail is one of them": func(s *scene) {
				s.mailedDana(acme, 50, Invite, now)
				s.mailedDana(acme, 3, Resend, now)
				s.ask.Mail = "this mail"
				for i := range s.Mailboxes[danaEmail.Mailbox()].Mails {
					s.Mailboxes[danaEmail.Mailbox()].Mails[i].Mail = "this mail"
				}
			},
		},
	},
	{
		code: AddedPeopleLimit, askedFor: forInvites,
		when: func(s *scene) {
			s.add(email("pat@lee.example"))
			s.Accesses[AccessKey{acme, bottle, AddedPerson("pat@lee.example")}] = &Access{
				State: Invited, InviteID: s.ask.InviteID, ExpiresAt: now,
			}
			s.Added[acme] = &Tally{{Last: now.Add(-2 * time.Hour), N: 400}, {Last: now.Add(-time.Hour), N: 100}}
		},
		explanation: "Acme Tax has invited as many people who are not its contacts as it may in a day.",
		remedy:      "Add Pat Lee as a contact, or wait until 07:30 UTC on March 3, 2026, then try again.",
		butNot: map[string]func(*scene){
			"she is a contact": func(s *scene) { s.Added[acme] = &Tally{{Last: now, N: 500}} },
			"one less": func(s *scene) {
				s.ask.Recipient = Recipient{Email: email("pat@lee.example"), Name: "Pat Lee"}
				s.Accesses[AccessKey{acme, bottle, AddedPerson("pat@lee.example")}] = &Access{
					State: Invited, InviteID: s.ask.InviteID, ExpiresAt: now.Add(time.Hour),
				}
				s.Added[acme] = &Tally{{Last: now, N: 499}}
				if !s.ask.Queued {
					clear(s.Accesses)
				}
			},
		},
	},
	{
		code: Superseded, askedFor: []situation{queuedInvite}, settled: true,
		when:        func(s *scene) { s.ask.Newer = NewerWaits },
		explanation: "A newer mail to Dana Wu for Blue Bottle LLC is waiting to be sent, so this one was not sent.",
		remedy:      "Nothing to do.",
	},
	{
		code: RemindedTogether, askedFor: forResends, settled: true,
		when:        func(s *scene) { s.ask.Together = Together{"the-mail", "Multi LLC"} },
		explanation: "The reminder to Dana Wu for Multi LLC also names Blue Bottle LLC, so no mail of its own was sent.",
		remedy:      "Nothing to do.",
	},
	{
		code: DuplicateRecipient, askedFor: everyone, settled: true,
		when:        func(s *scene) { s.ask.DuplicateOf = "the first mention" },
		explanation: "Dana Wu is named more than once in this request; one mail is enough.",
		remedy:      "Nothing to do.",
	},
	{
		code: TemplateNotFound, askedFor: everyone,
		when:        func(s *scene) { s.ask.TemplateID = "spring" },
		explanation: `There is no message template "spring" at this firm.`,
		remedy:      "Pick a template that exists, or write the message into the request.",
		butNot: map[string]func(*scene){
			"the firm has it": func(s *scene) { s.ask.TemplateID = "spring"; s.Templates[TemplateKey{acme, "spring"}] = "" },
		},
	},
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, rule := range contract {
		t.Run(string(rule.code), func(t *testing.T) {
			t.Parallel()
			for _, in := range situations {
				rule.checkIn(t, in)
			}
			if rule.code.Settled() != rule.settled {
				t.Errorf("settled is %v by its row in internal/rules/table.go, want %v", rule.code.Settled(), rule.settled)
			}
		})
	}
}

// checkIn breaks the rule in a situation, and then makes the similar changes.
func (r contractRow) checkIn(t *testing.T, in situation) {
	t.Helper()
	s := setTheScene(in)
	mustSend(t, s.decide())
	r.when(s)
	d := s.decide()
	mustHideEmails(t, d, danaEmail, omarEmail, s.dana().orNobody().Email)

	if !slices.ContainsFunc(r.askedFor, func(a situation) bool { return a.name == in.name }) {
		if slices.Contains(codes(d), r.code) {
			t.Errorf("%s: the rule is asked, but must not be asked here", in.name)
		}
		return
	}
	if got := codes(d); !slices.Equal(got, []Code{r.code}) {
		t.Fatalf("%s: reasons are %v, want %s alone", in.name, got, r.code)
	}
	if in.name == r.askedFor[0].name && d.Reasons[0].Explanation != r.explanation {
		t.Errorf("%s: it explains\n  %s\nwant\n  %s", in.name, d.Reasons[0].Explanation, r.explanation)
	}
	if in.name == r.askedFor[0].name && d.Reasons[0].Remedy != r.remedy {
		t.Errorf("%s: the remedy is\n  %s\nwant\n  %s", in.name, d.Reasons[0].Remedy, r.remedy)
	}
	for name, similar := range r.butNot {
		s := setTheScene(in)
		similar(s)
		if d := s.decide(); !d.Send() {
			t.Errorf("%s, %s: skipped for %v, want it sent", in.name, name, codes(d))
		}
	}
}

// orNobody returns an empty contact for one that was deleted.
func (c *Contact) orNobody() *Contact {
	if c == nil {
		return &Contact{}
	}
	return c
}

func TestContractIsComplete(t *testing.T) {
	t.Parallel()
	var inContract []Code
	for _, rule := range contract {
		inContract = append(inContract, rule.code)
		if !rule.code.Known() {
			t.Errorf("%s is not known", rule.code)
		}
	}
	if !slices.Equal(Codes(), inContract) {
		t.Errorf("the rules are\n  %v\ncontract in internal/rules/table_test.go has\n  %v", Codes(), inContract)
	}
	if Code("nobody_likes_it").Known() || Code("").Known() {
		t.Error("a code that is not in the contract is known")
	}
}

func TestLicenses(t *testing.T) {
	t.Parallel()
	needs := map[Process]string{
		ClientRecord: "", FileSharing: "document_management", Esign: "esign", ClientRequest: "client_requests",
		Survey: "client_requests", Bulk: "client_management",
	}
	for _, process := range Processes() {
		t.Run(string(process), func(t *testing.T) {
			t.Parallel()
			s := setTheScene(inviting)
			s.ask.Process = process
			mustSend(t, s.decide()) // the firm lists no licenses at all, so none is checked

			if _, listed := needs[process]; !listed {
				t.Errorf("TestLicenses in internal/rules/table_test.go does not say which license %s needs", process)
			}
			s.Firms[acme].Licenses = []string{}
			want := []Code{LicenseRequired}
			if needs[process] == "" {
				want = nil // inviting from the client record needs no license
			}
			if got := codes(s.decide()); !slices.Equal(got, want) {
				t.Errorf("with an empty list: %v, want %v", got, want)
			}
			s.Firms[acme].Licenses = []string{needs[process]}
			mustSend(t, s.decide())
		})
	}
}
