package api

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

var (
	march2  = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	april1  = time.Date(2026, 4, 1, 15, 0, 0, 0, time.UTC)
	someday = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

// dana is a stored status: invited on March 2, with an invite of the given state.
func dana(access rules.AccessState, invite store.State, change ...func(*store.Status)) store.Status {
	s := store.Status{
		ClientID: "c1", ClientName: "Blue Bottle LLC", Person: "contact:dana", Name: "Dana Wu",
		Email: rules.Email{Written: "dana@example.com", Normal: "dana@example.com"},
		Access: &rules.Access{State: access, Email: "dana@example.com", InvitedAt: march2, MailedAt: march2,
			ExpiresAt: april1},
		Opener: store.Opener{State: invite},
		Invite: &store.Invite{ID: uuid.New(), Kind: rules.Invite, State: invite, DecidedAt: march2, ExpiresAt: april1,
			NextAttempt: someday},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func reasons(list ...rules.Reason) func(*store.Status) {
	return func(s *store.Status) { s.Invite.Reason, s.Invite.Reasons = list[0].Code, list }
}

func tried(attempts ...store.Attempt) func(*store.Status) {
	return func(s *store.Status) {
		for _, a := range attempts {
			s.Attempts = append(s.Attempts, store.AttemptTimes{Attempt: a})
		}
	}
}

func suspended(why rules.Suspension) func(*store.Status) {
	return func(s *store.Status) { s.Suspended, s.LastLogin = why, march2 }
}

func resend(s *store.Status) { s.Invite.Kind, s.Opener.State = rules.Resend, store.Sent }

func TestStatusInWords(t *testing.T) {
	t.Parallel()
	const invitedOnMarch2 = "Dana Wu was invited to the portal of Blue Bottle LLC on March 2, 2026 " +
		"and has not logged in yet. The invite went to d•••@example.com and is valid until April 1, 2026."
	tooSoon := rules.Reason{
		Code: rules.ResendTooSoon, Explanation: "A moment ago.", Remedy: "Wait until 12:10 UTC.",
		RetryAt: someday.Add(time.Minute),
	}
	over := tooSoon
	over.RetryAt = someday
	noEmail := rules.Reason{
		Code: rules.EmailMissing, Explanation: "Dana Wu has no email address.", Remedy: "Add an email to Dana Wu.",
	}
	notPrimary := rules.Reason{
		Code: rules.ContactNotPrimary, Explanation: "Dana Wu is not Primary.", Remedy: "Mark Dana Wu as Primary.",
	}
	changed := rules.Reason{
		Code: rules.EmailChanged, Explanation: "The email has changed.", Remedy: "Remove, then invite.",
	}

	for name, c := range map[string]struct {
		stored store.Status
		label  string
		text   string
	}{
		"expired, but not marked so yet": {
			dana(rules.Invited, store.Sent, func(s *store.Status) { s.Access.ExpiresAt = march2 }),
			"invite expired on March 2, 2026",
			"The invite of Dana Wu to the portal of Blue Bottle LLC expired on March 2, 2026; they had not logged in. " +
				"→ Send a new invite.",
		},
		"deferred": {
			dana(rules.Invited, store.Queued, tried(store.Attempt{Verdict: "retry", Stage: "rcpt", SMTPCode: 451})),
			"invite waiting to be sent",
			"An invite for Dana Wu to the portal of Blue Bottle LLC was asked for on March 2, 2026 and is waiting to be sent. " +
				"The mail server has not taken it yet (it answered 451); it is tried again by itself.",
		},
		"its sender is unknown": {
			dana(rules.Invited, store.Queued, func(s *store.Status) { s.Invite.Sender = "unknown" }),
			"invite waiting to be sent",
			"An invite for Dana Wu to the portal of Blue Bottle LLC was asked for on March 2, 2026 and is waiting to be sent. " +
				"The mail waits: nobody has set up the sender by which the mails of the firm leave. " +
				"→ Ask the operator of the mails to set up the sender, or let the firm name another one.",
		},
		"a reminder waits": {
			dana(rules.Invited, store.Queued, resend),
			"invited on March 2, 2026",
			invitedOnMarch2 + " A reminder is waiting to be sent.",
		},
		"a reminder may have arrived": {
			dana(rules.Invited, store.Sending, resend, tried(store.Attempt{Verdict: "unknown"}, store.Attempt{})),
			"invited on March 2, 2026",
			invitedOnMarch2 + " A reminder is waiting to be sent. The mail may have arrived already: " +
				"the connection to the mail server was lost before it answered. " +
				"It is sent once more, with the same link, so it may arrive twice.",
		},
		"failed, and may have arrived": {
			dana(rules.Expired, store.Failed, tried(store.Attempt{Verdict: "unknown", Stage: "body"},
				store.Attempt{Verdict: "refused", Stage: "message", Said: "no portal"})),
			"no invite sent",
			"No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. " +
				"The mail of March 2, 2026 could not be delivered: The mail could not be built: no portal. " +
				"It may have arrived all the same: the connection to the mail server was lost before it answered. " +
				"→ Correct what the explanation names, then replay.",
		},
		"every reason": {
			dana(rules.Removed, store.Skipped,
				func(s *store.Status) { s.RemovedAt = march2 }, reasons(notPrimary, noEmail)),
			"access removed on March 2, 2026",
			"The access of Dana Wu to the portal of Blue Bottle LLC was removed on March 2, 2026. " +
				"The last request, of March 2, 2026, was not sent: " +
				"Dana Wu is not Primary. Besides: Dana Wu has no email address. " +
				"→ Mark Dana Wu as Primary. → Add an email to Dana Wu.",
		},
		"active, and the client is archived": {
			dana(rules.Active, store.Sent, suspended(rules.ClientArchived)),
			"last login on March 2, 2026",
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026. " +
				"Blue Bottle LLC is archived, so the portal does not open for now. " +
				"→ Make Blue Bottle LLC active again, or remove the portal access of Dana Wu.",
		},
		"invited, the client is archived, and a resend was skipped for it": {
			dana(rules.Invited, store.Skipped, resend, suspended(rules.ClientArchived), reasons(rules.Reason{
				Code: rules.ClientInactive, Explanation: "It is archived.", Remedy: "Make it active."})),
			"invited on March 2, 2026",
			invitedOnMarch2 + " Blue Bottle LLC is archived, so the portal does not open for now. " +
				"→ Make Blue Bottle LLC active again, or remove the portal access of Dana Wu.",
		},
		"active, and off the client's list": {
			dana(rules.Active, store.Sent, suspended(rules.NotOnClient)),
			"last login on March 2, 2026",
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026. " +
				"They are no longer a contact of Blue Bottle LLC, so the portal does not open for them. " +
				"→ Remove the portal access of Dana Wu, or add them to the contacts of Blue Bottle LLC again.",
		},
		"ended, because the contact has left": {
			dana(rules.Removed, store.Sent, func(s *store.Status) { s.RemovedAt, s.Access.Why = march2, rules.ByLeaving }),
			"access removed on March 2, 2026",
			"The invite of Dana Wu to the portal of Blue Bottle LLC ended on March 2, 2026, because they were taken off the " +
				"client's contacts. " +
				"→ If they should have access, add them to the contacts of Blue Bottle LLC again, then invite them.",
		},
		"ended, because the email has changed": {
			dana(rules.Removed, store.Sent, func(s *store.Status) { s.RemovedAt, s.Access.Why = march2, rules.ByEmailChange }),
			"access removed on March 2, 2026",
			"The invite of Dana Wu to the portal of Blue Bottle LLC ended on March 2, 2026, because their email was changed " +
				"before they had logged in. → Send a new invite. It goes to the new email.",
		},
		"too soon": {
			dana(rules.Invited, store.Skipped, resend, reasons(tooSoon)),
			"invited on March 2, 2026",
			invitedOnMarch2 + " The last request, of March 2, 2026, was not sent: A moment ago. → Wait until 12:10 UTC.",
		},
		"was too soon": {
			dana(rules.Invited, store.Skipped, resend, reasons(over)),
			"invited on March 2, 2026",
			invitedOnMarch2,
		},
		"implied by the state": {
			dana(rules.Invited, store.Skipped, resend, reasons(rules.Reason{Code: rules.AlreadyInvited})),
			"invited on March 2, 2026",
			invitedOnMarch2,
		},
		"another email, said once": {
			dana(rules.Invited, store.Skipped, resend,
				reasons(changed), func(s *store.Status) { s.Email.Normal = "wu@example.com" }),
			"invited on March 2, 2026",
			invitedOnMarch2 + " Their email has changed since. " +
				"→ Remove the portal access of Dana Wu, then invite them at w•••@example.com.",
		},
		"granted, without a login of their own": {
			dana(rules.Active, store.Sent, func(s *store.Status) { s.Access.Email, s.LastLogin = "", march2 }),
			"last login on March 2, 2026",
			"Dana Wu has access to the portal of Blue Bottle LLC and last logged in on March 2, 2026.",
		},
		"in California": {
			dana(rules.Invited, store.Sent, func(s *store.Status) {
				s.TimeZone, s.Access.InvitedAt = "America/Los_Angeles", time.Date(2026, 3, 2, 7, 59, 0, 0, time.UTC)
				s.Access.ExpiresAt = time.Date(2026, 3, 11, 3, 8, 0, 0, time.UTC)
			}),
			"invited on March 1, 2026",
			"Dana Wu was invited to the portal of Blue Bottle LLC on March 1, 2026 and has not logged in yet. " +
				"The invite went to d•••@example.com and is valid until March 10, 2026, 8:08 PM PDT.",
		},
		"names that are emails": {
			dana(rules.Invited, store.Queued,
				func(s *store.Status) { s.Name, s.ClientName = "dana@example.com", "bob@example.com" }),
			"invite waiting to be sent",
			"An invite for d•••@example.com to the portal of b•••@example.com was asked for on March 2, 2026 " +
				"and is waiting to be sent.",
		},
		"the client itself": {
			store.Status{ClientID: "c9", Invite: &store.Invite{State: store.Skipped, DecidedAt: march2}},
			"no invite sent",
			"Nobody has been invited to the portal of client c9.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var postponed postponement
			if c.stored.Invite != nil && c.stored.Invite.Sender == "unknown" {
				postponed.why = rules.SenderUnknown
			}
			status := statusOf(c.stored, nil, postponed, someday, true, wording.English())
			text := strings.Join(append([]string{status.Sentence}, status.Remedies...), " → ")
			if status.Label != c.label || text != c.text {
				t.Errorf("says %q:\n%s\nwant %q:\n%s", status.Label, text, c.label, c.text)
			}
		})
	}
}

// The catalogs have each phrase that a status says, and no others.
func TestStatusSaysEveryPhrase(t *testing.T) {
	t.Parallel()
	said := map[string]map[string]bool{"labels": {}, "sentences": {}, "remedies": {}}
	call := regexp.MustCompile(`w\.(say\w*|labelled|remedy\w*|catalog\.Sentence)\(([^)\n]*)`)
	for _, file := range []string{"status_words.go", "status_undone.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range call.FindAllStringSubmatch(string(source), -1) {
			section := "sentences"
			switch {
			case c[1] == "labelled":
				section = "labels"
			case strings.HasPrefix(c[1], "remedy"):
				section = "remedies"
			}
			for _, phrase := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(c[2], -1) {
				said[section][phrase[1]] = true
			}
		}
	}
	catalog := wording.English()
	for section, phrases := range map[string]map[string]wording.Phrase{
		"labels": catalog.Labels, "sentences": catalog.Sentences, "remedies": catalog.Remedies,
	} {
		have, want := slices.Sorted(maps.Keys(phrases)), slices.Sorted(maps.Keys(said[section]))
		if !slices.Equal(have, want) {
			t.Errorf("internal/wording/catalog/en.yaml has %s\n%q\na status says\n%q", section, have, want)
		}
	}
}

// A status in Spanish and in French, with a plural, a date of the firm's zone and a reason.
func TestStatusInOtherLanguages(t *testing.T) {
	t.Parallel()
	reminded := dana(rules.Invited, store.Sent, func(s *store.Status) {
		s.TimeZone, s.Reminders, s.RemindedAt = "America/Los_Angeles", 2, someday
		s.Access.ExpiresAt = time.Date(2026, 3, 11, 3, 8, 0, 0, time.UTC)
	})
	noEmail := dana("", store.Skipped, func(s *store.Status) { s.Access = nil }, reasons(rules.Reason{
		Code: rules.EmailMissing, Case: wording.Plain, Names: &wording.Names{Person: "Dana Wu"},
	}))
	refused := dana(rules.Expired, store.Failed,
		tried(store.Attempt{Verdict: "refused", Stage: "rcpt", SMTPCode: 554, Said: "no"}))
	refused.Invite.Email.Normal = "dana@example.com"
	for _, c := range []struct {
		stored       store.Status
		locale, want string
	}{
		{reminded, "es", "invitación del 2 de marzo de 2026: Dana Wu recibió una invitación al portal de Blue Bottle LLC " +
			"el 2 de marzo de 2026 y 2 recordatorios, el último el 9 de marzo de 2026, y todavía no ha entrado. La invitación " +
			"se envió a d•••@example.com y es válida hasta el 10 de marzo de 2026, 20:08 PDT."},
		{reminded, "fr", "invitation du 2 mars 2026: Dana Wu a reçu le 2 mars 2026 une invitation au portail client " +
			"(Blue Bottle LLC), puis 2 rappels, le dernier le 9 mars 2026, et n’a pas encore ouvert de session. L’invitation " +
			"est partie à d•••@example.com et reste valable jusqu’au 10 mars 2026 à 20 h 08 (PDT)."},
		{noEmail, "es", "ninguna invitación enviada: No se ha enviado ninguna invitación a Dana Wu para el portal de Blue " +
			"Bottle LLC. La última solicitud, del 2 de marzo de 2026, no se envió: Dana Wu no tiene dirección de correo " +
			"electrónico. → Añada una dirección de correo electrónico para Dana Wu."},
		{refused, "fr", "aucune invitation envoyée: Aucune invitation au portail client (Blue Bottle LLC) n’a été " +
			"envoyée à Dana Wu. L’e-mail du 2 mars 2026 n’a pas pu être remis\u00a0: Le serveur de messagerie a refusé " +
			"l’e-mail à d•••@example.com (554 no). → Réglez ce que le serveur de messagerie refuse, puis relancez l’envoi."},
	} {
		s := statusOf(c.stored, nil, postponement{}, someday, false, wording.In(c.locale))
		if got := s.Label + ": " + strings.Join(append([]string{s.Sentence}, s.Remedies...), " → "); got != c.want {
			t.Errorf("%s: says\n%s\nwant\n%s", c.locale, got, c.want)
		}
	}
}

// Whoever asks a service says the language of its words. What is not a language tag is an error.
func TestServicesAnswerInALanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "lee"))
	r.settled()
	const says, todo = "Lee Ray no tiene dirección de correo electrónico.",
		"Añada una dirección de correo electrónico para Lee Ray."
	lee := []events.Recipient{{ContactID: "lee"}}
	explained, err := r.client.Explain(r.ctx, acme, ExplainRequest{ClientID: "c1", Recipients: lee, Locale: "es-MX"})
	r.must(err)
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ContactID: "lee", Locale: "es-MX"})
	r.must(err)
	reason := status.Statuses[0].LastInvite.Reasons[0] // as the ledger has it
	now := status.Statuses[0].LastInvite.Now.Reasons[0]
	for _, got := range []rules.Reason{explained.Recipients[0].Reasons[0], reason, now} {
		if got.Explanation != says || got.Remedy != todo {
			t.Errorf("says %q → %q", got.Explanation, got.Remedy)
		}
	}
	german, err := r.client.Status(r.ctx, acme, StatusRequest{ContactID: "lee", Locale: "de"})
	r.must(err)
	if got := german.Statuses[0].LastInvite.Reasons[0].Explanation; got != "Lee Ray has no email address." {
		t.Errorf("a language that there is no catalog for: %q", got)
	}
	_, err = r.client.Status(r.ctx, acme, StatusRequest{ContactID: "lee", Locale: "not a tag!"})
	refused(t, err, codeInvalid, "locale: must be a language tag")
}
