package api

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// fact is a fact that nobody has published.
func (r *rig) fact(t events.Type, data any) AssumedFact {
	r.t.Helper()
	raw, err := json.Marshal(data)
	r.must(err)
	return AssumedFact{t, raw}
}

// drawFacts draws facts about the firm. Each may be about what another one is about.
func (w *world) drawFacts(t *rapid.T) (list []AssumedFact) {
	for range rapid.IntRange(1, 6).Draw(t, "facts") {
		contact, email := one(t, "whose fact", someContacts), one(t, "its email", append(someEmails, "four@example.com"))
		switch rapid.IntRange(0, 9).Draw(t, "fact") {
		case 0, 1, 2:
			list = append(list, w.fact(events.ContactUpserted, object{"contact_id": contact, "name": "New " + contact,
				"email": email}))
		case 3, 4, 5:
			people := []object{}
			for _, id := range someContacts {
				if rapid.Bool().Draw(t, "is on client") {
					people = append(people, object{"contact_id": id, "primary": rapid.Bool().Draw(t, "is primary")})
				}
			}
			list = append(list, w.fact(events.ClientUpserted, object{
				"client_id": one(t, "its client", append(someClients, "c0", "c4")), "kind": "business", "name": "New client",
				"active":   rapid.IntRange(0, 5).Draw(t, "is active") > 0,
				"contacts": people}))
		case 6:
			list = append(list, w.fact(events.FirmUpserted, object{"name": "New", "portal_url": "https://portal.new.example",
				"licenses": rapid.SliceOfDistinct(rapid.SampledFrom([]string{"esign", "client_management"}),
					rapid.ID[string]).Draw(t, "its licenses")}))
		case 7:
			list = append(list, w.fact(one(t, "suppression", []events.Type{events.EmailSuppressed, events.EmailUnsuppressed}),
				object{"email": one(t, "whose mail", someEmails[2:4]), "cause": "bounce"}))
		case 8:
			list = append(list, w.fact(events.ContactRemoved, object{"contact_id": contact}))
		default:
			list = append(list, w.fact(events.ClientRemoved, object{"client_id": one(t, "gone", someClients)}))
		}
	}
	return list
}

// In any state of a firm, explain with assumed facts says what explain says once the same facts are published: for
// named people, a selection and a replay, in pages of any size.
func TestAssumedFactsAreAsPublishedOnes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{rig: r, firm: uuid.NewString()}
		w.draw(t)
		w.event(events.BulkInviteRequested, bulkAll())
		w.settled()
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		var people []events.Recipient
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(somePeople), 1, 4).Draw(t, "recipients") {
			var recipient events.Recipient
			w.must(json.Unmarshal(raw(w.t, p), &recipient))
			people = append(people, recipient)
		}
		asks := []ExplainRequest{
			{ClientID: one(t, "asked client", someClients), Recipients: people},
			{Selection: &events.Selection{AllClients: true}, Page: Page{Limit: limit}},
			{Selection: &events.Selection{ClientIDs: []string{"c4", "c3", "c1"}}, Mode: "resend", Page: Page{Limit: limit}},
			{Filter: &events.Filter{}, Page: Page{Limit: limit}},
		}
		facts := w.drawFacts(t)
		var assumed [][]Explained
		for _, ask := range asks {
			ask.Assume = facts
			assumed = append(assumed, w.pagesOf(t, ask))
		}
		for _, fact := range facts {
			w.event(fact.Type, fact.Data)
		}
		w.settled()
		for i, ask := range asks {
			published := w.pagesOf(t, ask)
			if got, want := inWords(assumed[i]), inWords(published); !reflect.DeepEqual(got, want) {
				t.Fatalf("with the facts %s assumed:\n%s\nand published:\n%s", raw(w.t, facts),
					strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// pagesOf reads one page after the other of a selection, or the one answer about named people.
func (w *world) pagesOf(t *rapid.T, request ExplainRequest) []Explained {
	if len(request.Recipients) == 0 {
		return w.allPages(t, request)
	}
	answer, err := w.client.Explain(w.ctx, w.firm, request)
	w.must(err)
	return answer.Recipients
}

func inWords(list []Explained) (lines []string) {
	for _, e := range list {
		line := fmt.Sprintf("%s %q %+v", e.ClientID, e.ClientName, e.Recipient)
		for _, reason := range e.Reasons {
			line += fmt.Sprintf(" %s: %s", reason.Code, reason.Explanation)
			// The words of the first depend on the time. Of two facts that end an access, either may be named.
			if reason.Code == rules.ResendTooSoon || reason.Code == rules.AccessRemoved {
				line = strings.TrimSuffix(line, reason.Explanation)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAssumedFixes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana")) // her mail went to the wrong address
	r.settled()
	before := r.rows()
	lee := object{"contact_id": "lee", "name": "Lee Ray", "email": "lee@example.com"}
	both := object{"client_id": "c1", "kind": "business", "name": "Client c1", "contacts": []object{
		{"contact_id": "dana", "primary": true}, {"contact_id": "lee", "primary": true}}}
	dana := object{"contact_id": "dana", "name": "Dana Wu", "email": "dana.wu@example.com"}
	all := ExplainRequest{Selection: &events.Selection{AllClients: true}}
	reasons := func(facts ...AssumedFact) string {
		all.Assume = facts
		answer, err := r.client.Explain(r.ctx, acme, all)
		r.must(err)
		var list []string
		for _, e := range answer.Recipients {
			list = append(list, e.ClientID+"/"+e.Recipient.ContactID+" "+string(e.Reason))
		}
		return strings.Join(list, ", ")
	}
	for _, c := range []struct {
		what  string
		facts []AssumedFact
		want  string
	}{
		{"nothing", nil, "c1/dana already_invited, c1/lee contact_not_primary, c2/sam email_shared, c3/dana , " +
			"c4/ client_has_no_contacts"},
		{"an email alone", []AssumedFact{r.fact(events.ContactUpserted, lee)},
			"c1/dana already_invited, c1/lee contact_not_primary, c2/sam email_shared, c3/dana , c4/ client_has_no_contacts"},
		{"an email, and a Primary", []AssumedFact{r.fact(events.ContactUpserted, lee), r.fact(events.ClientUpserted, both)},
			"c1/dana already_invited, c1/lee , c2/sam email_shared, c3/dana , c4/ client_has_no_contacts"},
		{"the email of somebody invited", []AssumedFact{r.fact(events.ContactUpserted, dana)},
			"c1/dana , c1/lee contact_not_primary, c2/sam , c3/dana , c4/ client_has_no_contacts"},
		{"that she is gone", []AssumedFact{r.fact(events.ContactRemoved, object{"contact_id": "dana"})},
			"c1/dana email_missing, c1/lee contact_not_primary, c2/sam , c3/dana email_missing, c4/ client_has_no_contacts"},
		{"a client of one", []AssumedFact{r.fact(events.ClientUpserted, object{"client_id": "c1", "kind": "individual",
			"name": "C", "contacts": []object{{"contact_id": "lee", "primary": true}}})},
			"c1/lee email_missing, c2/sam , c3/dana email_shared, c4/ client_has_no_contacts"}, // Dana's login is free again
	} {
		if got := reasons(c.facts...); got != c.want {
			t.Errorf("assuming %s:\n%s, want\n%s", c.what, got, c.want)
		}
	}
	if after := r.rows(); after != before {
		t.Errorf("assuming has changed the tables: %s, before %s", after, before)
	}
}

// rows sums up what the tables hold.
func (r *rig) rows() (sum string) {
	r.t.Helper()
	r.must(r.db.QueryRow(r.ctx, `SELECT string_agg(t::text, ' ') FROM (
		SELECT 'clients', count(*), md5(string_agg(c::text, '|' ORDER BY c::text)) FROM clients c
		UNION ALL SELECT 'contacts', count(*), md5(string_agg(c::text, '|' ORDER BY c::text)) FROM contacts c
		UNION ALL SELECT 'access', count(*), md5(string_agg(c::text, '|' ORDER BY c::text)) FROM access c
		UNION ALL SELECT 'logins', count(*), md5(string_agg(c::text, '|' ORDER BY c::text)) FROM logins c
		UNION ALL SELECT 'invites', count(*), md5(string_agg(c::text, '|' ORDER BY c::text)) FROM invites c
		UNION ALL SELECT 'requests', count(*), '' FROM requests) t`).Scan(&sum))
	return sum
}

func TestWhatCanBeAssumed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	many := make([]AssumedFact, 1001)
	for i := range many {
		many[i] = r.fact(events.ContactUpserted, object{"contact_id": fmt.Sprint("p", i), "name": "P", "email": ""})
	}
	for want, facts := range map[string][]AssumedFact{
		"assume: has 1001 facts, and may have up to 1000": many,
		"assume[1].type: must be one of FirmUpserted ClientUpserted ": {many[0],
			r.fact(events.InviteRequested, named("c1", "dana"))},
		"assume[0].type: must be one of FirmUpserted ": {r.fact(events.PortalAccessGranted, object{"client_id": "c1"})},
		"assume[0].data.client_id: missing; data.":     {r.fact(events.ClientUpserted, object{"name": "C"})},
		"assume[0].data.contact_id: ":                  {r.fact(events.ContactUpserted, object{"contact_id": 7})},
		"assume[0].data: must be a JSON object":        {r.fact(events.ContactUpserted, "x")},
		"assume[1].data: must be a JSON object":        {many[0], {Type: events.ContactUpserted}},
		"assume[2].data.email: ": {many[0], many[1],
			r.fact(events.EmailSuppressed, object{"cause": "bounce"})},
	} {
		_, err := r.client.Explain(r.ctx, acme, ExplainRequest{
			Selection: &events.Selection{AllClients: true}, Assume: facts})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
	// The most that may be assumed, and a cursor that belongs to its assumptions.
	ask := ExplainRequest{Selection: &events.Selection{AllClients: true}, Assume: many[:1000], Page: Page{Limit: 1}}
	answer, err := r.client.Explain(r.ctx, acme, ask)
	r.must(err)
	ask.Cursor, ask.Assume = answer.Next, many[:999]
	if _, err := r.client.Explain(r.ctx, acme, ask); err == nil || !strings.Contains(err.Error(), "cursor:") {
		t.Errorf("a cursor of other assumptions: %v", err)
	}
}

// A page in the middle of a large selection agrees with the whole, and knows what was assumed about people before it.
func TestAssumedFactsInALargeSelection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	n := 1500
	if large, err := strconv.Atoi(os.Getenv("API_ASSUME_CLIENTS")); err == nil {
		n = large
	}
	r.many(n)
	var facts []AssumedFact
	for i := 1; i <= 500; i++ { // each third client is archived, and the others get one email, two by two
		id := fmt.Sprintf("%07d", i*n/500)
		if i%3 == 0 {
			facts = append(facts, r.fact(events.ClientUpserted, object{"client_id": "c" + id, "kind": "business", "name": "C",
				"active": false, "contacts": []object{{"contact_id": "k" + id, "primary": true}}}))
			continue
		}
		facts = append(facts, r.fact(events.ContactUpserted, object{"contact_id": "k" + id, "name": "K",
			"email": fmt.Sprintf("pair%d@example.com", i%250)}))
	}
	ask := ExplainRequest{Selection: &events.Selection{AllClients: true}, Page: Page{Limit: MaxLimit}}
	explain := func() (list []Explained, sums ExplainTotals) {
		ask.Cursor = ""
		for {
			began := time.Now()
			answer, err := r.client.Explain(r.ctx, acme, ask)
			r.must(err)
			if n > 1500 {
				t.Logf("a page after %d: %s", len(list), time.Since(began))
			}
			if answer.Totals != nil {
				sums = *answer.Totals
			}
			list = append(list, answer.Recipients...)
			if ask.Cursor = answer.Next; ask.Cursor == "" {
				return list, sums
			}
		}
	}
	_, before := explain()
	ask.Assume = facts
	whole, sums := explain()
	if before.WouldSend != n || sums.Selected != n-166 || sums.WouldSkip < 50 {
		t.Errorf("%+v before, and with assumed facts %+v", before, sums)
	}
	// The pages were small; the first one has counted everybody.
	send, shared := 0, 0
	for _, e := range whole {
		if e.WouldSend {
			send++
		} else if e.Reason == rules.EmailShared {
			shared++
		}
	}
	if len(whole) != sums.Selected || send != sums.WouldSend || shared != sums.ByReason[rules.EmailShared] {
		t.Errorf("the pages have %d people, %d would be sent, %d share an email; the whole has %+v", len(whole), send, shared,
			sums)
	}
}
