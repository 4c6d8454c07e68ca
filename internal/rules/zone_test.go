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

// A date is that of the firm's zone. If it is near, the hour and the zone are said as well.
func TestDatesInTheFirmsZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.November, 27, 3, 8, 25, 0, time.UTC)
	for zone, want := range map[string][2]string{
		"":                    {"November 27, 2026", "November 27, 2026, 3:08 AM UTC"},
		"America/Los_Angeles": {"November 26, 2026", "November 26, 2026, 7:08 PM PST"},
		"America/Sao_Paulo":   {"November 27, 2026", "November 27, 2026, 12:08 AM UTC-03:00"},
		"Asia/Kathmandu":      {"November 27, 2026", "November 27, 2026, 8:53 AM UTC+05:45"},
	} {
		in := (&Firm{Zone: Location(zone)}).In(at)
		got := [2]string{DayOrMoment(in, at.Add(-Soon)), DayOrMoment(in, at.Add(-Soon+time.Second))}
		if got != want {
			t.Errorf("%q: %q, want %q", zone, got, want)
		}
	}
	var unknown *Firm
	if got := Day(unknown.In(at)); got != "November 27, 2026" {
		t.Errorf("of an unknown firm: %s", got)
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
