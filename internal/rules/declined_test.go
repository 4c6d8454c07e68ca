package rules

import (
	"slices"
	"testing"
)

// The one click of a mail program stops bulk mails and reminders. A person's button also stops individual invites,
// which the office can send all the same.
func TestWhatADeclineStops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in       situation
		reminds  string
		despite  bool
		oneClick bool // is the invite skipped after the one click,
		button   bool // and after the button
	}{
		"an invite":                    {in: inviting, button: true},
		"an invite despite that":       {in: inviting, despite: true},
		"a queued invite":              {in: queuedInvite, button: true},
		"a queued invite despite that": {in: queuedInvite, despite: true},
		"a resend":                     {in: resending, button: true},
		"a resend despite that":        {in: resending, despite: true},
		"a reminder":                   {in: resending, reminds: "first-invite", oneClick: true, button: true},
		"a reminder, whatever it says": {
			in: resending, reminds: "first-invite", despite: true, oneClick: true, button: true,
		},
		"a bulk invite":               {in: bulkInviting, oneClick: true, button: true},
		"a bulk resend":               {in: bulkResending, oneClick: true, button: true},
		"a bulk resend, all the same": {in: bulkResending, despite: true, oneClick: true, button: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, bulkOnly := range []bool{true, false} {
				s := setTheScene(c.in)
				s.ask.Reminds, s.ask.DespiteDecline = c.reminds, c.despite
				s.Declined[EmailKey{acme, danaEmail.Normal}] = Declined{At: now, BulkOnly: bulkOnly}
				d, want := s.decide(), c.button
				if bulkOnly {
					want = c.oneClick
				}
				if got := slices.Contains(codes(d), HasDeclined); got != want {
					t.Errorf("declined by one click %t: reasons %v, want declined: %t", bulkOnly, codes(d), want)
				}
			}
		})
	}
}
