package rules

import (
	"strings"
	"testing"
)

// An office that follows a remedy must get on. None of these remedies may lead to a skip that leads back.
func TestRemediesAfterAnEmailWasCorrected(t *testing.T) {
	t.Parallel()
	corrected := email("dana@new.example")
	for name, c := range map[string]struct {
		in     situation
		access Access
		want   []Code
		remedy string // a part of the first reason's
	}{
		"invite, and she uses the portal": {bulkInviting, Access{State: Active}, []Code{AlreadyHasAccess},
			"remove the portal access of Dana Wu, then invite them at d•••@new.example"},
		"resend, and she uses the portal": {resending, Access{State: Active, MailedAt: now}, []Code{EmailChanged},
			"Remove the portal access of Dana Wu, then invite them at d•••@new.example."},
		"invite, and an old worker has left the pending access": {inviting, Access{State: Invited}, nil, ""},
		"invite, and the pending access has ended": {bulkInviting, Access{State: Removed, Why: ByEmailChange},
			nil, ""},
		"resend, and the pending access has ended": {resending, Access{State: Removed, Why: ByEmailChange, MailedAt: now},
			[]Code{AccessRemoved}, "Send a new invite instead. It goes to the new email."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(c.in)
			c.access.InviteID = "first-invite"
			s.grantDana(c.access)
			s.dana().Email = corrected
			d := s.decide()
			if got := codes(d); strings.Join(texts(got), " ") != strings.Join(texts(c.want), " ") {
				t.Fatalf("reasons are %v, want %v", got, c.want)
			}
			if len(c.want) > 0 && !strings.Contains(d.Reasons[0].Remedy, c.remedy) {
				t.Errorf("the remedy is %q, want %q in it", d.Reasons[0].Remedy, c.remedy)
			}
		})
	}
}

// A queued invite whose access has ended by itself may leave again once nothing else is against it. One whose access
// somebody has removed may not, nor may a resend: its access goes back to a link that is dead.
func TestAQueuedInviteBeginsItsAccessAnew(t *testing.T) {
	t.Parallel()
	queuedResend := situation{name: "queued resend", process: ClientRecord, kind: Resend, queued: true}
	for name, c := range map[string]struct {
		in   situation
		why  EndedWhy
		send bool
	}{
		"the email has changed":           {queuedInvite, ByEmailChange, true},
		"she has left, and has come back": {queuedInvite, ByLeaving, true},
		"somebody has removed it":         {queuedInvite, "", false},
		"the email has changed, a resend": {queuedResend, ByEmailChange, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(c.in)
			s.grantDana(Access{State: Removed, InviteID: s.ask.InviteID, Why: c.why})
			if d := s.decide(); d.Send() != c.send {
				t.Errorf("reasons are %v, want it sent: %t", codes(d), c.send)
			}
		})
	}
	s := setTheScene(queuedInvite)
	s.grantDana(Access{State: Removed, InviteID: s.ask.InviteID, Why: ByLeaving})
	s.contacts(primary("omar"))
	if got := codes(s.decide()); len(got) != 1 || got[0] != ContactNotOnClient {
		t.Errorf("she has left: reasons are %v, want %s", got, ContactNotOnClient)
	}
}

// A request may name a contact by email. When the contact has left the client, the queued mail must not leave.
func TestAQueuedInviteOfAContactNamedByEmail(t *testing.T) {
	t.Parallel()
	s := setTheScene(queuedInvite)
	s.add(danaEmail)
	s.ask.Person = ContactPerson("dana")
	mustSend(t, s.decide())
	s.contacts(primary("omar"))
	if got := codes(s.decide()); len(got) != 1 || got[0] != ContactNotOnClient {
		t.Errorf("reasons are %v, want %s", got, ContactNotOnClient)
	}
}

func texts(codes []Code) []string {
	list := make([]string, len(codes))
	for i, c := range codes {
		list[i] = string(c)
	}
	return list
}
