package rules

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWhichAddressesAreOneMailbox(t *testing.T) {
	t.Parallel()
	for address, mailbox := range map[string]string{
		"ann@example.com":         "ann@example.com",
		"ann+1@example.com":       "ann@example.com",
		"ann+a+b@example.com":     "ann@example.com",
		"+ann@example.com":        "+ann@example.com", // nothing would be left
		"a.n.n@example.com":       "a.n.n@example.com",
		"a.n.n@gmail.com":         "ann@gmail.com",
		"a.nn+x@googlemail.com":   "ann@gmail.com",
		"ann.x@mail.gmail.com":    "ann.x@mail.gmail.com",
		"ann.x@gmail.com.example": "ann.x@gmail.com.example",
		"ann-x@example.com":       "ann-x@example.com",
	} {
		if got := email(address).Mailbox(); got != mailbox {
			t.Errorf("%s is the mailbox %s, want %s", address, got, mailbox)
		}
	}
}

// waiting says until when an individual mail to Dana waits for others, beginning with mails of other firms.
func TestOnlyOthersMailsMakeAMailWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   situation
		sent func(*scene)
		want time.Duration // 0: it leaves
	}{
		"nothing was sent": {in: inviting, sent: func(*scene) {}},
		"others have sent 50, and she is a contact": {in: inviting, sent: func(s *scene) {
			s.mailedDana("b", 50, Invite, now)
		}},
		"and the firm's share is used up": {in: inviting, want: 24 * time.Hour, sent: func(s *scene) {
			s.mailedDana("b", 50, Invite, now)
			s.mailedDana(acme, 3, Invite, now.Add(-time.Minute))
		}},
		"and the share rolls": {in: inviting, sent: func(s *scene) {
			s.mailedDana("b", 50, Invite, now)
			s.mailedDana(acme, 3, Invite, now.Add(-24*time.Hour))
		}},
		"resends to her do not count against invites": {in: inviting, sent: func(s *scene) {
			s.mailedDana("b", 10, Resend, now)
			s.mailedDana(acme, 3, Resend, now.Add(-2*time.Hour))
		}},
		"her own firm resends beyond its share": {in: resending, want: time.Hour - time.Minute, sent: func(s *scene) {
			s.mailedDana("b", 3, Resend, now.Add(-time.Minute))
			s.mailedDana(acme, 3, Resend, now.Add(-2*time.Hour))
		}},
		"the day's limit is the later one": {in: resending, want: 21 * time.Hour, sent: func(s *scene) {
			s.mailedDana("b", 7, Resend, now.Add(-3*time.Hour))
			s.mailedDana("b", 3, Resend, now.Add(-time.Minute))
			s.mailedDana(acme, 3, Invite, now.Add(-2*time.Hour))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(c.in)
			c.sent(s)
			d := s.decide()
			mustSend(t, d)
			want := time.Time{}
			if c.want > 0 {
				want = now.Add(c.want)
			}
			if got := s.WaitsUntil(s.ask, d, now, policy); !got.Equal(want) {
				t.Errorf("it waits until %v, want %v", got, want)
			}
		})
	}
}

// A guest is nobody's contact, so nobody has a share.
func TestAGuestWaitsForWhatOthersSent(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.add(danaEmail)
	delete(s.Contacts, ContactKey{acme, "dana"})
	for range 3 {
		s.Mailboxes[danaEmail.Mailbox()] = &Mailbox{Mails: []Counted{
			{FirmID: "b", Mail: "1", At: now, Left: now}, {FirmID: "b", Mail: "2", At: now, Left: now},
			{FirmID: "c", Mail: "3", At: now, Left: now}, {FirmID: "c", Mail: "4", At: now}, // that one waits, too
		}}
	}
	d := s.decide()
	mustSend(t, d)
	if got := s.WaitsUntil(s.ask, d, now, policy); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("it waits until %v", got)
	}
}

// Whatever others send, and whatever waits because of it, a firm's decisions are those of a world without others.
func TestOthersChangeNoReason(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{RecipientDay: 3, RecipientHour: 2, ContactDay: 4, ContactShare: 2, AddedPeopleDay: 5}
		policy := Policy{InviteTTL: DefaultInviteTTL, Limits: limits}
		alone, crowded := office(), office()
		for _, b := range []*Book{alone, crowded} {
			b.Firms["b"] = &Firm{ID: "b", Name: "B"}
		}
		at := now
		for i := range rapid.IntRange(1, 40).Draw(t, "mails") {
			at = at.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "minutes")) * time.Minute)
			ask := Ask{
				FirmID: acme, ClientID: bottle, Process: ClientRecord, InviteID: "x", Mail: "", Kind: Invite,
				Recipient: Recipient{ContactID: "dana"},
			}
			if flip(t, "guest") {
				ask.Recipient = Recipient{Email: danaEmail, Name: "Dana"}
				ask.ClientID = "nowhere" // where she is no contact
			}
			other := ask
			other.FirmID = "b"
			if flip(t, "other firm") {
				d := Decision{Person: AddedPerson(danaEmail.Normal), Email: danaEmail}
				other.Mail = string(rune('A' + i))
				crowded.Count(other, d, at, true)
				continue
			}
			want, got := alone.Decide(ask, at, policy), crowded.Decide(ask, at, policy)
			if len(want.Reasons) != len(got.Reasons) {
				t.Fatalf("alone: %+v; with others: %+v", want.Reasons, got.Reasons)
			}
			limited := false
			for k, r := range want.Reasons {
				if r.Code != got.Reasons[k].Code || r.Explanation != got.Reasons[k].Explanation ||
					r.Remedy != got.Reasons[k].Remedy || !r.RetryAt.Equal(got.Reasons[k].RetryAt) {
					t.Fatalf("alone: %+v; with others: %+v", r, got.Reasons[k])
				}
				limited = limited || r.Code == RecipientLimit || r.Code == AddedPeopleLimit
			}
			if limited {
				continue
			}
			ask.Mail = string(rune('a' + i))
			if !alone.WaitsUntil(ask, want, at, policy).IsZero() {
				t.Fatal("a mail waits although nobody else has sent any")
			}
			alone.Count(ask, want, at, true)
			crowded.Count(ask, got, at, crowded.WaitsUntil(ask, got, at, policy).IsZero())
		}
	})
}

func TestATallyRolls(t *testing.T) {
	t.Parallel()
	var tally Tally
	tally.Add(2, now, time.Hour)
	tally.Add(1, now.Add(30*time.Second), time.Hour) // the same minute
	tally.Add(1, now.Add(10*time.Minute), time.Hour)
	for _, c := range []struct {
		most int
		at   time.Duration
		want time.Duration // 0: free
	}{
		{5, 20 * time.Minute, 0},
		{4, 20 * time.Minute, time.Hour + 30*time.Second},
		{4, time.Hour + 30*time.Second, 0},
		{1, time.Hour + 30*time.Second, 70 * time.Minute},
		{0, 20 * time.Minute, 0},
	} {
		want := time.Time{}
		if c.want > 0 {
			want = now.Add(c.want)
		}
		if got := tally.FreeAt(c.most, time.Hour, now.Add(c.at)); !got.Equal(want) {
			t.Errorf("of %d at %v: free at %v, want %v", c.most, c.at, got, want)
		}
	}
	tally.TakeBack(now)
	if got := tally.FreeAt(4, time.Hour, now.Add(20*time.Minute)); !got.IsZero() {
		t.Errorf("one was taken back, but it is free at %v", got)
	}
}
