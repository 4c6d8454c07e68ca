package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// statuses asks for all pages of two people each. It checks that the counts are those of the list.
func (r *rig) statuses(request StatusesRequest) (people []PersonStatus, counts StatusCounts) {
	r.t.Helper()
	request.Limit = 2
	for {
		page, err := r.client.Statuses(r.ctx, acme, request)
		r.must(err)
		if (request.Cursor == "") != (page.Counts != nil) {
			r.t.Errorf("only the first page has counts: %+v", page)
		}
		if page.Counts != nil {
			counts = *page.Counts
		}
		people = append(people, page.People...)
		if request.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if len(people) != counts.People {
		r.t.Errorf("%+v: %d people are listed, and %d counted", request, len(people), counts.People)
	}
	return people, counts
}

// listedAs is who is listed, as "client person state".
func listedAs(people []PersonStatus) []string {
	var list []string
	for _, p := range people {
		who := p.Person.ContactID
		if who == "" {
			who = p.Person.Name
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", p.ClientID, who, p.State, p.Reason)))
	}
	return list
}

func TestStatusesFollowAllPeopleOfAFirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	expect := func(request StatusesRequest, want ...string) []PersonStatus {
		t.Helper()
		people, _ := r.statuses(request)
		if got := listedAs(people); !slices.Equal(got, want) {
			t.Errorf("%+v:\n are %q\nwant %q", request, got, want)
		}
		return people
	}
	expect(StatusesRequest{}, "c1 dana never_asked", "c1 lee never_asked", "c2 sam never_asked", "c3 dana never_asked")

	r.publish(acme, events.InviteRequested, testkit.InviteData("c1", testkit.Contact("dana"), testkit.Contact("lee"),
		testkit.Added("max@guest.example", "Max Ito")))
	r.settled()
	people := expect(StatusesRequest{}, "c1 dana invited", "c1 lee not_sent email_missing", "c1 Max Ito invited",
		"c2 sam never_asked", "c3 dana never_asked")
	if guest := people[2]; guest.Listed || guest.Primary || guest.AccessVersion != 1 ||
		guest.Person.EmailMasked != "m•••@guest.example" {
		t.Errorf("a guest: %+v", guest)
	}
	if dana := people[0]; !dana.Listed || !dana.Primary || dana.ClientKind != "business" || dana.Revision != 1 ||
		dana.ClientName != "Client c1" || dana.InviteID == nil || dana.DecidedAt.IsZero() || !dana.LastLogin.IsZero() {
		t.Errorf("a contact: %+v", dana)
	}
	r.redeem(acme, r.token(r.inviteOf("c1", "dana")))
	r.settled()
	_, counts := r.statuses(StatusesRequest{})
	want := "{5 map[active:1 declined:0 expired:0 invited:1 never_asked:2 not_sent:1 queued:0 removed:0] " +
		"map[email_missing:1] map[bounced:0 delivered:0 unknown:5]}"
	if got := fmt.Sprint(counts); got != want {
		t.Errorf("counts\n are %s\nwant %s", got, want)
	}
	if _, counts := r.statuses(StatusesRequest{State: "active", Mail: "delivered"}); counts.People != 0 ||
		counts.ByState["active"] != 0 || counts.ByMail["unknown"] != 1 {
		t.Errorf("each sum is under the other filters: %+v", counts)
	}

	yes, no := true, false
	for _, c := range []struct {
		request StatusesRequest
		want    []string
	}{
		{StatusesRequest{State: "not_sent"}, []string{"c1 lee not_sent email_missing"}},
		{StatusesRequest{Reason: "email_missing"}, []string{"c1 lee not_sent email_missing"}},
		{StatusesRequest{Reason: "failed"}, nil},
		{StatusesRequest{NoPortal: true}, []string{"c2 sam never_asked", "c3 dana never_asked"}},
		{StatusesRequest{ClientID: "c3"}, []string{"c3 dana never_asked"}},
		{StatusesRequest{Kind: "individual"}, nil},
		{StatusesRequest{Primary: &no}, []string{"c1 lee not_sent email_missing", "c1 Max Ito invited"}},
		{StatusesRequest{Primary: &yes, State: "never_asked"}, []string{"c2 sam never_asked", "c3 dana never_asked"}},
		{StatusesRequest{LoginAfter: time.Now().Add(-time.Hour)}, []string{"c1 dana active"}},
		{StatusesRequest{LoginBefore: time.Now().Add(-time.Hour)}, nil},
		{StatusesRequest{Text: "ITO"}, []string{"c1 Max Ito invited"}},
		{StatusesRequest{Text: " client C2 "}, []string{"c2 sam never_asked"}},
		{StatusesRequest{Text: "_"}, nil},
		{StatusesRequest{Email: "MAX@guest.example"}, []string{"c1 Max Ito invited"}},
		{StatusesRequest{Email: "dana@example.com"}, []string{"c1 dana active", "c2 sam never_asked", "c3 dana never_asked"}},
	} {
		expect(c.request, c.want...)
	}
	r.publish(acme, events.ClientRemoved, object{"client_id": "c2"})
	r.clientRecord("c1", "dana")
	r.settled()
	people = expect(StatusesRequest{}, "c1 dana active", "c1 lee not_sent email_missing", "c1 Max Ito invited",
		"c3 dana never_asked")
	if people[0].Primary || people[1].Listed {
		t.Errorf("a list that has changed: %+v", people[:2])
	}
}

// What a service says of one person agrees with what the list says.
func TestStatusAndStatusesAgree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.mailbox.Refuse("Dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.publish(acme, events.BulkInviteRequested, bulkAll())
	r.publish(acme, events.InviteRequested, testkit.InviteData("c2", testkit.Added("max@guest.example", "Max Ito")))
	r.settled()
	r.redeem(acme, r.token(r.inviteOf("c2", "")))
	r.settled()
	people, _ := r.statuses(StatusesRequest{Words: true, Locale: "es"})
	if len(people) != 5 {
		t.Errorf("%d people: %+v", len(people), people)
	}
	for _, p := range people {
		one, err := r.client.Status(r.ctx, acme, StatusRequest{InviteID: p.InviteID.String(), Locale: "es"})
		r.must(err)
		s := one.Statuses[0]
		if p.State == "not_sent" && (!reflect.DeepEqual(p.Reasons, s.LastInvite.Reasons) ||
			!reflect.DeepEqual(p.Failure, s.LastInvite.Failure) || len(p.Reasons) == 0 && p.Failure == nil) {
			t.Errorf("the list says that %+v %+v, and status that %+v %+v", p.Reasons, p.Failure, s.LastInvite.Reasons,
				s.LastInvite.Failure)
		}
		want := string(s.State)
		if s.State == NoInviteSent {
			want = "not_sent"
		}
		version := 0
		if s.Access != nil {
			version = s.Access.Version
		}
		reason := string(s.LastInvite.Reason)
		if s.LastInvite.State == "failed" {
			reason = "failed"
		}
		if p.State != want || p.Revision != s.LastInvite.Revision || p.AccessVersion != version ||
			p.State == "not_sent" && p.Reason != reason || p.Person.EmailMasked != s.Person.EmailMasked {
			t.Errorf("the list says %+v, and status says %+v with %+v", p, s, s.LastInvite)
		}
	}
}

func TestStatusesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for field, request := range map[string]StatusesRequest{
		"state: must be one of: never_asked, ":     {State: "gone"},
		"reason: must be a reason code":            {Reason: "gone"},
		"reason: only not_sent has one":            {Reason: "email_missing", State: "active"},
		"mail: must be one of: delivered, ":        {Mail: "read"},
		"kind: must be one of: individual, ":       {Kind: "club"},
		"text: must have up to 200 characters":     {Text: strings.Repeat("ä", 201)},
		"text: is blank":                           {Text: "  "},
		"email: ":                                  {Email: "nobody"},
		"locale: must be a language tag":           {Locale: "?"},
		"login_before: must be later":              {LoginAfter: time.Now(), LoginBefore: time.Now().Add(-time.Hour)},
		"limit: must be 1 to 1000":                 {Page: Page{Limit: 1001}},
		"cursor: is not the next of an answer to ": {Page: Page{Cursor: "x"}},
	} {
		_, err := r.client.Statuses(r.ctx, acme, request)
		refused(t, err, 400, field)
	}
	page, err := r.client.Statuses(r.ctx, "other", StatusesRequest{})
	if err != nil || page.Counts.People != 0 || len(page.People) != 0 {
		t.Errorf("a firm that nobody knows: %+v, %v", page, err)
	}
}
