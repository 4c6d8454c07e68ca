package api

import (
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Bob is logged in and opens Ann's link: nothing is written, and the link is still Ann's (mattermost/mattermost#11903).
func TestALinkOfAnotherPersonIsNotUsedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.firm(acme)
	r.contact("ann", "Ann Lee", "ann@example.com")
	r.contact("bob", "Bob Ode", "bob@example.com")
	r.contact("ann-2", "Ann Lee", "")
	r.clientRecord("c1", "*ann")
	r.clientRecord("c2", "*bob")
	r.publish(acme, events.ContactsMerged, object{"from": []string{"ann-2"}, "into": "ann"})
	r.publish(acme, events.InviteRequested, named("c1", "ann"))
	r.publish(acme, events.InviteRequested, named("c2", "bob"))
	r.settled()
	token := r.token(r.inviteOf("c1", "ann"))
	r.redeem(acme, r.token(r.inviteOf("c2", "bob"))) // Bob is a user of the portal
	r.settled()
	accepted := r.published(events.InviteAccepted)

	open := func(peek bool, as *LoggedIn) RedeemAnswer {
		t.Helper()
		answer, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token, Peek: peek, As: as})
		r.must(err)
		return answer
	}
	others := []LoggedIn{
		{ContactID: "bob"}, {Email: "Bob@Example.com"}, {ContactID: "nobody"}, {Email: "stranger@example.com"},
	}
	for _, as := range others {
		for _, peek := range []bool{true, false} {
			got := open(peek, &as)
			if got.Result != OtherPerson || got.First || got.Email != "" || got.InviteID != nil || got.ContactID != "" ||
				got.IsFor == nil || *got.IsFor != (Person{Name: "A•••", EmailMasked: "a•••@example.com"}) {
				t.Errorf("peek %v as %+v: %+v", peek, as, got)
			}
			if strings.HasPrefix(strings.ToLower(as.ContactID+as.Email), "bob") &&
				*got.As != (Person{Name: "B•••", EmailMasked: "b•••@example.com"}) {
				t.Errorf("as %+v: %+v", as, *got.As)
			}
		}
	}
	r.settled()
	if n := r.published(events.InviteAccepted); n != accepted {
		t.Errorf("%d InviteAccepted, want %d as before", n, accepted)
	}
	// Ann's own sessions, under every name she has.
	for _, as := range []*LoggedIn{nil, {ContactID: "ann"}, {ContactID: "ann-2"}, {Email: "ANN@example.com "}} {
		if got := open(true, as); got.Result != Opened || !got.First {
			t.Errorf("peek as %+v: %+v", as, got)
		}
	}
	if got := open(false, &LoggedIn{Email: "ann@example.com"}); !got.First || got.ContactID != "ann" {
		t.Errorf("Ann: %+v", got)
	}
	// Ann is active now. Bob's visit is no login of hers.
	var before, after string
	login := `SELECT last_login_at::text FROM access WHERE client_id = 'c1'`
	r.must(r.db.QueryRow(r.ctx, login).Scan(&before))
	if got := open(false, &others[0]); got.Result != OtherPerson {
		t.Errorf("after the first time: %+v", got)
	}
	if r.must(r.db.QueryRow(r.ctx, login).Scan(&after)); before != after {
		t.Errorf("the newest login was %s and is %s", before, after)
	}
	for begins, as := range map[string]LoggedIn{
		"as.contact_id: missing":     {},
		"as.email: can't be combine": {ContactID: "ann", Email: "ann@example.com"},
		"as.email: must be":          {Email: "ann"},
	} {
		_, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token, As: &as})
		refused(t, err, 400, begins)
	}
}

// Somebody was added by email. Only whoever logs in with that email is this person.
func TestALinkOfAnAddedPersonIsForTheirEmail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, testkit.InviteData("c1", testkit.Added("pat@example.com", "Pat Ray")))
	r.settled()
	var invite string
	r.must(r.db.QueryRow(r.ctx, `SELECT invite_id FROM invites WHERE added_email <> ''`).Scan(&invite))
	token := r.token(invite)
	for want, as := range map[Redemption]LoggedIn{
		OtherPerson: {ContactID: "dana"}, Opened: {Email: "Pat@example.com"},
	} {
		got, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token, Peek: true, As: &as})
		r.must(err)
		if got.Result != want {
			t.Errorf("as %+v: %+v, want %s", as, got, want)
		}
	}
	// A link that opens nothing says so, whoever is logged in.
	r.publish(acme, events.AccessRemovalRequested, object{"client_id": "c1", "requested_by": "Lee",
		"recipients": []object{{"email": "pat@example.com", "name": "Pat Ray"}}})
	r.settled()
	got, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token, As: &LoggedIn{ContactID: "dana"}})
	r.must(err)
	if got != (RedeemAnswer{Result: AccessIsRemoved}) {
		t.Errorf("after the removal: %+v", got)
	}
}

// Readers stick things to a link, and it opens all the same.
func TestATokenOpensWithWhatIsStuckToIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	token := r.token(r.inviteOf("c1", "dana"))
	for _, stuck := range []string{".", ">", ",", " ", "%20", ">.", "\u00a0"} {
		answer, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token + stuck})
		r.must(err)
		if answer.Result != Opened {
			t.Errorf("with %q: %+v", stuck, answer)
		}
	}
}
