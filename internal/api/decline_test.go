package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// The page of the portal calls decline for its button and for the one click of a mail program. What each of them does
// is tested in internal/pipeline.
func TestDecliningByTheService(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.FirmUpserted, testkit.With(testkit.FirmData(), "decline", true))
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	token := r.token(r.inviteOf("c1", "dana"))
	decline := func(firm string, request DeclineRequest) DeclineAnswer {
		t.Helper()
		answer, err := r.client.Decline(r.ctx, firm, request)
		r.must(err)
		return answer
	}
	for what, answer := range map[string]DeclineAnswer{
		"another firm's": decline("other", DeclineRequest{Token: token}),
		"forged":         decline(acme, DeclineRequest{Token: token[:len(token)-1] + "A."}),
	} {
		if answer != (DeclineAnswer{Result: DeclineInvalid}) {
			t.Errorf("%s link: %+v", what, answer)
		}
	}
	for range 2 {
		answer := decline(acme, DeclineRequest{Token: token, OneClick: true})
		if answer != (DeclineAnswer{Result: HasDeclined}) {
			t.Errorf("one click: %+v", answer)
		}
	}
	s := r.expectStatus(Invited, "A mail program at d•••@example.com asked on ")
	if s.Declined == nil || !s.Declined.BulkOnly || s.Declined.At.IsZero() {
		t.Errorf("after one click: %+v", s.Declined)
	}
	for _, want := range []DeclineAnswer{{Result: HasDeclined, Ended: true}, {Result: HasDeclined}} {
		if answer := decline(acme, DeclineRequest{Token: token}); answer != want {
			t.Errorf("the button: %+v, want %+v", answer, want)
		}
	}
	s = r.expectStatus(StateDeclined, "Whoever reads d•••@example.com said on ")
	if s.Declined == nil || s.Declined.BulkOnly || !strings.HasPrefix(s.Label, "declined on ") || len(s.Remedies) != 1 {
		t.Errorf("after the button: %+v", s)
	}
	r.publish(acme, events.ContactUpserted, testkit.ContactData("dana", "Dana Wu", "dana@new.example.com"))
	r.settled()
	s = r.expectStatus(StateDeclined, "Whoever reads d•••@example.com said on ")
	if s.Declined != nil || !slices.Equal(s.Remedies, []string{"Send a new invite."}) {
		t.Errorf("with another email: %+v, %q", s.Declined, s.Remedies)
	}
	if n := r.published(events.InviteDeclined); n != 2 {
		t.Errorf("%d InviteDeclined, want one of the click and one of the button", n)
	}
	_, err := r.client.Decline(r.ctx, acme, DeclineRequest{})
	refused(t, err, http.StatusBadRequest, "token: missing")
}
