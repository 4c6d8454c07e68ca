package rules

import (
	"slices"
	"testing"
	"time"
)

// Several rules may fail at once. All of them are reasons, so that one round of fixing is enough. The first names the
// skip.
func TestReasonsComeInTheContractsOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in      situation
		breaks  func(*scene)
		want    []Code
		settled bool
	}{
		"an archived client, another contact, no email": {
			in: bulkInviting,
			breaks: func(s *scene) {
				s.dana().Email = Email{}
				s.contacts(other("dana"), primary("omar"))
				s.client().Active = false
			},
			want: []Code{ClientInactive, ContactNotPrimary, EmailMissing},
		},
		"a firm without facts": {
			in:     inviting,
			breaks: func(s *scene) { s.Book = NewBook(); s.ask.TemplateID = "spring" },
			want:   []Code{FirmNotFound, ClientNotFound, ContactNotFound, TemplateNotFound},
		},
		"one settled reason settles the skip": {
			in: inviting,
			breaks: func(s *scene) {
				s.grantDana(Access{State: Invited, InviteID: "first-invite"})
				s.Suppressed[EmailKey{acme, danaEmail.Normal}] = "complaint"
				s.ask.TemplateID = "spring"
			},
			want: []Code{EmailSuppressed, AlreadyInvited, TemplateNotFound}, settled: true,
		},
		"blocked, another person's login, named twice, and no such template": {
			in: inviting,
			breaks: func(s *scene) {
				s.Firms[acme].Licenses = []string{}
				s.ask.Process = FileSharing
				s.ask.DuplicateOf, s.ask.TemplateID = "the first mention", "spring"
				s.giveLogin(danaEmail, "omar", "Omar Haddad", Forever)
				s.Suppressed[EmailKey{acme, danaEmail.Normal}] = "manual"
			},
			want:    []Code{LicenseRequired, EmailSuppressed, EmailShared, DuplicateRecipient, TemplateNotFound},
			settled: true,
		},
		"a resend right after an invite to the old email": {
			in: resending,
			breaks: func(s *scene) {
				s.grantDana(Access{State: Active, MailedAt: now})
				s.dana().Email = email("dana@new.example")
			},
			want: []Code{EmailChanged}, // the remedy must not be to wait for the mail to the old email
		},
		"a queued resend whose access is gone": {
			in:     situation{process: ClientRecord, kind: Resend, queued: true},
			breaks: func(s *scene) { clear(s.Accesses) },
			want:   []Code{NotInvited, AccessRemoved}, settled: true,
		},
		"a queued invite after which the person was invited by another one": {
			in: queuedInvite,
			breaks: func(s *scene) {
				s.grantDana(Access{State: Invited, InviteID: "a-newer-invite"})
				s.ask.Newer = NewerLeft
			},
			want: []Code{Superseded}, settled: true,
		},
		"a reminder of an invite that was replaced": {
			in: resending,
			breaks: func(s *scene) {
				s.ask.Reminds, s.ask.To = "the old invite", ToInvited
				s.grantDana(Access{State: Invited, InviteID: "the new invite"})
			},
			want: []Code{Superseded}, settled: true,
		},
		"a reminder after the login": {
			in: resending,
			breaks: func(s *scene) {
				s.ask.Reminds, s.ask.To = "the invite", ToInvited
				s.grantDana(Access{State: Active, InviteID: "the invite"})
			},
			want: []Code{AlreadyHasAccess}, settled: true,
		},
		"in bulk, a contact without a fact": {
			in:     bulkInviting,
			breaks: func(s *scene) { delete(s.Contacts, ContactKey{acme, "dana"}) },
			want:   []Code{EmailMissing},
		},
		"in bulk, a contact that has since left the client": {
			in:     bulkInviting,
			breaks: func(s *scene) { s.contacts(primary("omar")) },
			want:   []Code{ContactNotPrimary},
		},
		"in bulk, the last contact has since left the client": {
			in:     bulkInviting,
			breaks: func(s *scene) { s.contacts() },
			want:   []Code{ClientHasNoContacts},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(c.in)
			c.breaks(s)
			d := s.decide()
			if got := codes(d); !slices.Equal(got, c.want) {
				t.Fatalf("reasons are %v, want %v", got, c.want)
			}
			if d.Reason() != c.want[0] {
				t.Errorf("the skip is named %s, want the first, %s", d.Reason(), c.want[0])
			}
			if d.Settled() != c.settled {
				t.Errorf("settled is %v, want %v", d.Settled(), c.settled)
			}
		})
	}
}

func TestADecisionToSendHasNoReason(t *testing.T) {
	t.Parallel()
	d := setTheScene(inviting).decide()
	if !d.Send() || d.Reason() != "" || d.Settled() {
		t.Errorf("send %v, reason %q, settled %v", d.Send(), d.Reason(), d.Settled())
	}
	if d.Person != ContactPerson("dana") || d.Name != "Dana Wu" || d.Email != danaEmail {
		t.Errorf("it goes to %+v, want the name and email of Dana's contact record", d)
	}
}

func TestResendTooSoonSaysWhen(t *testing.T) {
	t.Parallel()
	s := setTheScene(resending)
	mailed := now.Add(-time.Minute)
	s.grantDana(Access{State: Active, MailedAt: mailed})
	d := s.decide()
	if d.Reason() != ResendTooSoon {
		t.Fatalf("reasons are %v", codes(d))
	}
	if want := mailed.Add(policy.ResendCooldown); !d.Reasons[0].RetryAt.Equal(want) {
		t.Errorf("retry at %v, want %v", d.Reasons[0].RetryAt, want)
	}
	if d := s.Decide(s.ask, d.Reasons[0].RetryAt, policy); !d.Send() {
		t.Errorf("at retry_at it is skipped for %v", codes(d))
	}
}

// Whoever was mailed and removed a moment ago waits for the cooldown, unless no mail went to this email.
func TestAnInviteRightAfterARemoval(t *testing.T) {
	t.Parallel()
	removed := Access{State: Removed, InviteID: "first-invite", MailedAt: now.Add(-time.Minute)}
	for name, c := range map[string]struct {
		change func(*Access)
		want   Code
	}{
		"a minute after the mail":   {func(*Access) {}, ResendTooSoon},
		"after the cooldown":        {func(a *Access) { a.MailedAt = now.Add(-policy.ResendCooldown) }, ""},
		"to another email":          {func(a *Access) { a.Email = omarEmail.Normal }, ""},
		"no mail had left":          {func(a *Access) { a.Waits = WaitsAlone }, ""},
		"it had ended by itself":    {func(a *Access) { a.Why = ByLeaving }, ""},
		"she was never mailed here": {func(a *Access) { a.MailedAt = time.Time{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, in := range []situation{inviting, bulkInviting} {
				s := setTheScene(in)
				access := removed
				access.Email = danaEmail.Normal
				c.change(&access)
				s.Accesses[AccessKey{acme, bottle, ContactPerson("dana")}] = &access
				d := s.decide()
				if d.Reason() != c.want || d.Settled() {
					t.Errorf("%s: skipped for %v, settled: %t; want %q, which is fixable", in.name, codes(d), d.Settled(), c.want)
				}
				if c.want != "" && !d.Reasons[0].RetryAt.Equal(now.Add(policy.ResendCooldown-time.Minute)) {
					t.Errorf("%s: retry at %v", in.name, d.Reasons[0].RetryAt)
				}
			}
		})
	}
}

// A removal, a login or a later invite may overtake an invite that waits for the mail server.
func TestQueuedInviteIsDecidedAgain(t *testing.T) {
	t.Parallel()
	s := setTheScene(queuedInvite)
	mustSend(t, s.decide())

	s.grantDana(Access{State: Invited, InviteID: "an-invite-after-a-removal"})
	if d := s.decide(); d.Reason() != AlreadyInvited {
		t.Errorf("access belongs to a later invite: %v, want already_invited", codes(d))
	}
	s.grantDana(Access{State: Active, InviteID: s.ask.InviteID})
	if d := s.decide(); d.Reason() != AlreadyHasAccess {
		t.Errorf("logged in meanwhile: %v, want already_has_access", codes(d))
	}
	clear(s.Accesses)
	if d := s.decide(); d.Reason() != AccessRemoved {
		t.Errorf("the contact was removed and made again: %v, want access_removed", codes(d))
	}
	s.ask.Queued = false
	mustSend(t, s.decide()) // a new request may invite again after a removal
}

// A bulk resend leaves out those whom it is not for, with the reason.
func TestABulkResendIsForAnAudience(t *testing.T) {
	t.Parallel()
	for state, want := range map[AccessState]map[Audience]Code{
		Invited: {"": "", ToInvited: "", ToActive: AlreadyInvited, ToAll: ""},
		Active:  {"": "", ToInvited: AlreadyHasAccess, ToActive: "", ToAll: ""},
		Expired: {"": NotInvited, ToInvited: NotInvited, ToActive: NotInvited, ToAll: NotInvited},
	} {
		for to, want := range want {
			s := setTheScene(bulkResending)
			s.ask.To = to
			s.grantDana(Access{State: state})
			if got := s.decide().Reason(); got != want {
				t.Errorf("%s, to %q: %q, want %q", state, to, got, want)
			}
		}
	}
}

// Nobody is told that Dana was invited, or was sent a mail, while her first mail waits. If it waits in a run, an
// individual invite overtakes it.
func TestWhoWaitsForTheFirstMail(t *testing.T) {
	t.Parallel()
	const waits = "An invite for Dana Wu to the portal of Blue Bottle LLC was asked for on March 2, 2026 and is waiting " +
		"to be sent."
	for name, c := range map[string]struct {
		in     situation
		waits  Waits
		want   Code // none: sent
		remedy string
	}{
		"invited again":                   {inviting, WaitsAlone, AlreadyInvited, "Nothing to do. It is sent by itself."},
		"invited in bulk":                 {bulkInviting, WaitsAlone, AlreadyInvited, "Nothing to do. It is sent by itself."},
		"in a run, invited":               {inviting, WaitsInRun, "", ""},
		"in a run, invited in bulk again": {bulkInviting, WaitsInRun, AlreadyInvited, sentByItself},
		"in a run, resent at once":        {resending, WaitsInRun, ResendTooSoon, sentByItself},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(c.in)
			s.grantDana(Access{State: Invited, InviteID: "first-invite", InvitedAt: now, Waits: c.waits})
			d := s.decide()
			if d.Reason() != c.want {
				t.Fatalf("reasons are %v, want %q", codes(d), c.want)
			}
			if c.want != "" && (d.Reasons[0].Explanation != waits || d.Reasons[0].Remedy != c.remedy) {
				t.Errorf("it says %q, and to do: %q", d.Reasons[0].Explanation, d.Reasons[0].Remedy)
			}
		})
	}
}

const sentByItself = "Nothing to do. It is sent by itself; to send it at once, invite them from the client record."
