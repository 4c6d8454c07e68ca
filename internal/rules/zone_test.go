package rules

import (
	"testing"
	"time"
)

func TestLocation(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{
		"America/Los_Angeles": true, "UTC": true, "": false, "Local": false, "California": false, "../etc/passwd": false,
	} {
		if got := Location(name) != nil; got != known {
			t.Errorf("%q is a time zone: %t, want %t", name, got, known)
		}
	}
}

// Explanations say dates and times in the firm's zone, by its clock in winter and in summer.
func TestExplanationsAreInTheFirmsZone(t *testing.T) {
	t.Parallel()
	s := setTheScene(inviting)
	s.Firms[acme].Zone = Location("America/Los_Angeles")
	s.grantDana(Access{State: Invited, InviteID: "first-invite", InvitedAt: time.Date(2026, 3, 2, 7, 59, 0, 0, time.UTC)})
	want := "Dana Wu was invited to the portal of Blue Bottle LLC on March 1, 2026 and has not logged in yet."
	if got := s.decide().Reasons[0].Explanation; got != want {
		t.Errorf("it explains %q, want %q", got, want)
	}
	s.ask.Kind = Resend
	s.grantDana(Access{State: Active, MailedAt: now})
	want = "Wait until 01:40 PST, and ask them to look into their spam folder."
	if got := s.decide().Reasons[0].Remedy; got != want {
		t.Errorf("the remedy is %q, want %q", got, want)
	}
}
