package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

var (
	shownOf = regexp.MustCompile(`name="shown" value="([^"]*)"`)
	whoOf   = regexp.MustCompile(`name="who" value="([^"]*)"`)
	barOf   = regexp.MustCompile(`class="bar" role="img" aria-label="([^"]*)"`)
)

func firstOf(pattern *regexp.Regexp, text string) string {
	if m := pattern.FindStringSubmatch(text); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// tickIn is what the form of a list sends when people are ticked in it.
func tickIn(list answer, do string, keys ...string) url.Values {
	form := url.Values{"do": {do}, "scope": {"ticked"}}
	for i, m := range shownOf.FindAllStringSubmatch(list.body, -1) {
		key := html.UnescapeString(m[1])
		form.Add("shown", key)
		if slices.Contains(keys, key) {
			form.Add("tick", fmt.Sprint(i))
		}
	}
	return form
}

// startIn is what the form of a page that asks once more sends.
func startIn(page answer) url.Values {
	form := formOf(page.body)
	form.Del("who")
	for _, m := range whoOf.FindAllStringSubmatch(page.body, -1) {
		form.Add("who", html.UnescapeString(m[1]))
	}
	return form
}

// receipt waits until all is settled, and returns what it says.
func (v *visitor) receipt(path string) answer {
	v.t.Helper()
	var got answer
	testenv.Eventually(v.t, patience, func() error {
		if got = v.get(path); got.code != http.StatusOK || !strings.Contains(got.body, "Settled.") {
			return fmt.Errorf("%d: %s", got.code, got.body)
		}
		return nil
	})
	return got
}

// everyState has people of every state: P-1 is invited, P-3 active, P-5 removed; P-2, P-4 and P-6 were never asked, and
// P-4 has no email.
func (r *rig) everyState() {
	r.t.Helper()
	r.office()
	r.UpsertContact("P-5", "Rae Moss", "rae@x.example")
	r.UpsertContact("P-6", "Uma Fox", "uma@x.example")
	r.client("C-3", "Tall Tree LLC", "*P-5", "P-2", "P-6")
	for client, contact := range map[string]string{"C-1": "P-1", "C-2": "P-3", "C-3": "P-5"} {
		r.Publish(events.InviteRequested, testkit.InviteData(client, testkit.Contact(contact)))
	}
	r.Settled()
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "C-2", "contact_id": "P-3", "granted_at": "2026-01-15T12:00:00Z",
	})
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("C-3", testkit.Contact("P-5")))
	r.Settled()
}

// An action is about exactly those who were ticked. What is said before is what happens, and the receipt says the same
// numbers. Somebody else of the same clients gets nothing.
func TestExactlyThoseWhoWereTicked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.everyState()
	v := r.visitor()
	before := len(r.mailbox.Messages())
	list := v.get("/f/acme/clients")
	list.says(t, "All 7 that match")
	form := tickIn(list, "invite", "C-1/P-1", "C-1/P-2", "C-2/P-3", "C-2/P-4", "C-3/P-6") // not P-2 there
	page := v.get("/f/acme/pick?" + form.Encode())
	page.says(t, "Invite 2 people?", "5 people on 3 clients.", "Nothing has been sent.", "Send 2 invites", "No email",
		"Already uses the portal", "Already invited")
	if got := firstOf(barOf, page.body); got != "Of 5 people 2 would get a mail and 3 would not" {
		t.Errorf("the bar says %q", got)
	}
	if got := len(r.mailbox.Messages()); got != before {
		t.Fatalf("%d mails were sent before anybody pressed", got-before)
	}
	first := v.post("/f/acme/pick", startIn(page))
	again := v.post("/f/acme/pick", startIn(page))
	if first.code != http.StatusSeeOther || first.to != again.to {
		t.Fatalf("the answers are %d %s and %d %s: %s", first.code, first.to, again.code, again.to, first.body)
	}
	receipt := v.receipt(first.to)
	receipt.says(t, "2 mails were sent.", "Kim Lee has no email", "Dana Wu", "Uma Fox")
	if got := firstOf(barOf, receipt.body); got != "5 selected: 2 sent, 3 skipped, 0 failed, 0 pending" {
		t.Errorf("the receipt says %q", got)
	}
	r.Settled()
	if got := len(r.mailbox.Messages()) - before; got != 2 {
		t.Errorf("%d mails were sent, want 2", got)
	}
	if left := v.get("/f/acme/clients?state=never_asked").names(); !slices.Equal(left, []string{"Dana Wu"}) {
		t.Errorf("never asked were %q in the end, want Dana Wu of the client where she was not ticked", left)
	}
}

// Each action says whom it would concern, and is not offered where it would concern nobody.
func TestOnlyThoseToWhomItApplies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.everyState()
	v := r.visitor()
	list := v.get("/f/acme/clients")
	everybody := []string{"C-1/P-1", "C-1/P-2", "C-2/P-3", "C-2/P-4", "C-3/P-5", "C-3/P-2", "C-3/P-6"}
	for _, c := range []struct {
		do     string
		keys   []string
		bar    string
		button string // "" for none
	}{
		{"resend", everybody, "Of 7 people 0 would get a mail and 7 would not", ""}, // Ada has one from a moment ago
		{"invite", everybody, "Of 7 people 3 would get a mail and 4 would not", "Send 3 invites"},
		{"remove", everybody, "Of 7 people 2 would lose access and 5 have none", "Remove 2 accesses"},
		{"resend", []string{"C-1/P-2", "C-2/P-4"}, "Of 2 people 0 would get a mail and 2 would not", ""},
		{"remove", []string{"C-3/P-5", "C-3/P-2"}, "Of 2 people 0 would lose access and 2 have none", ""},
		{"invite", []string{"C-2/P-3"}, "Of 1 people 0 would get a mail and 1 would not", ""},
	} {
		page := v.get("/f/acme/pick?" + tickIn(list, c.do, c.keys...).Encode())
		if got := firstOf(barOf, page.body); got != c.bar {
			t.Errorf("%s of %v says %q, want %q", c.do, c.keys, got, c.bar)
		}
		if offered := strings.Contains(page.body, "data-starts"); offered != (c.button != "") ||
			!strings.Contains(page.body, c.button) {
			t.Errorf("%s of %v offers %t, want %q", c.do, c.keys, offered, c.button)
		}
	}
	page := v.get("/f/acme/pick?" + tickIn(list, "remove", everybody...).Encode())
	done := v.post("/f/acme/pick", startIn(page))
	v.receipt(done.to).says(t, "The access of 2 people has ended.")
	v.get("/f/acme/clients?state=removed").says(t, "3 people.")
	for name, form := range map[string]url.Values{
		"nobody": tickIn(list, "invite"), "no scope": {"do": {"invite"}}, "a place outside the list": {
			"do": {"invite"}, "scope": {"ticked"}, "shown": {"C-1/P-1"}, "tick": {"1"},
		}, "nothing to do": {"scope": {"page"}, "shown": {"C-1/P-1"}}, "no person": {
			"do": {"invite"}, "scope": {"page"}, "shown": {"C-1"},
		},
	} {
		got := v.get("/f/acme/pick?" + form.Encode())
		if name == "nobody" {
			got.says(t, "Nobody was ticked", "Go back and tick people")
		} else if got.code != http.StatusNotFound && got.code != http.StatusBadRequest {
			t.Errorf("%s answers %d", name, got.code)
		}
	}
}

// Whatever happens between the tick and the press: the action is about who was ticked, and the receipt says what they
// are now.
func TestAnActionCarriesWhatItWasPressedOn(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	b.open(r.link.URL())
	b.open(r.base + "/f/acme/clients")
	b.wait("document.querySelectorAll('[name=tick]').length === 4")
	eval[any](b, "document.querySelector('[aria-label^=\"Tick Sam Oak\"]').click(); document.activeElement.blur(); 0")
	r.UpsertContact("P-0", "Aaron Early", "aaron@x.example")
	r.client("C-0", "A Client LLC", "*P-0")
	r.Publish(events.InviteRequested, testkit.InviteData("C-2", testkit.Contact("P-3")))
	r.Settled()
	b.waitText("New numbers wait until you leave the list.")
	names := eval[[]string](b, "[...document.querySelectorAll('.c-person bdi')].map((e) => e.textContent)")
	if !slices.Equal(names, []string{"Ada Li", "Dana Wu", "Sam Oak", "Kim Lee"}) {
		t.Errorf("under a tick, the list has become %q", names)
	}
	b.clickText("Invite…")
	b.waitText("Nobody would get an invite")
	b.waitText("Already invited")

	v := r.visitor()
	old := v.get("/f/acme/pick?" + tickIn(v.get("/f/acme/clients"), "invite", "C-1/P-1", "C-1/P-2").Encode())
	old.says(t, "Send 2 invites")
	r.Publish(events.InviteRequested, testkit.InviteData("C-1", testkit.Contact("P-1")))
	r.Settled()
	receipt := v.receipt(v.post("/f/acme/pick", startIn(old)).to)
	receipt.says(t, "1 mail was sent.", "Ada Li was invited")
	if got := firstOf(barOf, receipt.body); got != "2 selected: 1 sent, 1 skipped, 0 failed, 0 pending" {
		t.Errorf("the receipt says %q", got)
	}
}

// A bulk invite mails those who were shown before, and nobody else. If somebody has come since, the run stops and says
// so.
func TestABulkInviteIsOfThoseWhoWereShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	v := r.visitor()
	old := v.get("/f/acme/bulk?mode=invite")
	old.says(t, "Send 2 invites")
	r.UpsertContact("P-7", "Ned New", "ned@x.example")
	r.client("C-7", "New LLC", "*P-7")
	r.Handled(events.FactsDurable)
	form := formOf(old.body)
	if got := v.post("/f/acme/bulk", form); got.code != http.StatusSeeOther {
		t.Fatalf("the bulk invite answers %d: %s", got.code, got.body)
	}
	run := r.runUntil(form.Get("event"), func(run api.Run) bool { return run.Paused != nil })
	if run.NotPlanned != 1 || len(r.mailbox.Messages()) > 0 {
		t.Errorf("%d are not in the plan, and %d mails were sent; want 1 and 0", run.NotPlanned, len(r.mailbox.Messages()))
	}
	v.get("/f/acme/runs/"+run.RunID.String()).says(t, "Paused")
}

// All that match a filter are invited by one bulk request that has the filter, and nobody else is.
func TestABulkInviteIsOfTheList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	v := r.visitor()
	const list = "/f/acme/clients?find=Blue&primary=yes"
	v.get(list).says(t, "All 1 that match")
	form := url.Values{"scope": {"all"}, "do": {"invite"}, "find": {"Blue"}, "primary": {"yes"}}
	to := v.get("/f/acme/pick?" + form.Encode())
	if to.code != http.StatusSeeOther {
		t.Fatalf("the list answers %d: %s", to.code, to.body)
	}
	page := v.get(to.to)
	page.says(t, "Invite or remind the Primary contacts of your list.", "Send 1 invite")
	sent := formOf(page.body)
	if got := v.post("/f/acme/bulk", sent); got.code != http.StatusSeeOther {
		t.Fatalf("the bulk invite answers %d: %s", got.code, got.body)
	}
	if run := r.runOf(sent.Get("event")); run.Selected != 1 || run.Sent != 1 {
		t.Errorf("the run: %+v", run)
	}
	form.Set("do", "remove")
	v.get("/f/acme/pick?"+form.Encode()).says(t, "Access is only removed from people whom you have ticked")
}

// After a press, the receipt pops up, goes on by itself until all is settled, and leads back.
func TestTheReceiptPopsUp(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	r.mailbox.Refuse("sam@x.example", 451, [3]int{4, 7, 1}, "come back later")
	b.open(r.link.URL())
	b.open(r.base + "/f/acme/clients")
	b.wait("document.querySelectorAll('[name=tick]').length === 4")
	eval[any](b, "document.querySelector('[value=page]').click(); 0")
	b.clickText("Invite…")
	b.waitText("Send 3 invites")
	eval[any](b, "("+named("Send 3 invites")+").click(); 0")
	b.wait("document.querySelector('dialog[open] #receipt') !== null && location.pathname === '/f/acme/done'")
	b.waitText("The mail server put it off.")
	b.waitText("Kim Lee has no email")
	r.mailbox.Accept("sam@x.example")
	r.Exec("UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'")
	b.waitText("Settled. 3 mails were sent.")
	b.clickText("Done")
	b.waitText("1 to 4 of 4")

	event := r.lastEvent("portal.events.acme.InviteRequested")
	if by := string(event.Data); !strings.Contains(by, `"requested_by":"Nora Whitfield"`) {
		t.Errorf("the event says %s", by)
	}
}

// A request that can't be handled, and one of which nothing is known, have a receipt too.
func TestReceiptsOfWhatIsNotDecided(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	v := r.visitor()
	v.get("/f/acme/done?client=C-1&event="+uuid.NewString()).says(t, "Not settled yet.", "waits for its turn")
	for _, event := range []string{"", "x", "C-1"} {
		if got := v.get("/f/acme/done?client=C-1&event=" + event); got.code != http.StatusNotFound {
			t.Errorf("the event %q answers %d", event, got.code)
		}
	}
}

// A day has no time zone: wherever a firm is, each mail and each page says the day that was told.
func TestADueDateIsTheSameDayEverywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor()
	for id, zone := range map[string]string{
		"honolulu": "Pacific/Honolulu", "newyork": "America/New_York", "kiritimati": "Pacific/Kiritimati",
	} {
		scene := *r.Scene
		scene.Firm = id
		scene.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "time_zone", zone))
		scene.UpsertContact("P-1", "Ada Li", "ada@"+id+".example")
		scene.UpsertClient("C-1", "*P-1")
		scene.Publish(events.EsignRequested, testkit.With(testkit.InviteData("C-1", testkit.Contact("P-1")), "esign",
			testkit.Object{"id": "E-1", "title": "Engagement letter", "due_on": "2026-02-15"}))
		scene.Settled()
		list := v.get("/f/" + id + "/clients")
		list.says(t, "Ada Li")
		page := v.get("/f/" + id + "/person?client=C-1&contact=P-1")
		mail := regexp.MustCompile(`<iframe src="([^"]*)"`).FindStringSubmatch(page.body)
		if mail == nil {
			t.Fatalf("%s: there is no mail on the page: %s", id, page.body)
		}
		text := v.get(html.UnescapeString(mail[1])).body
		if !strings.Contains(text, "February 15") || strings.Contains(text, "February 14") ||
			strings.Contains(text, "February 16") {
			t.Errorf("%s: the mail says %s", id, text)
		}
	}
}
