package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/console/line"
	"portal-invites/internal/console/pages"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Where it is allowed, an office corrects a contact and invites again. What is published is the whole contact.
func TestAContactIsCorrected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.Publish(events.ContactUpserted, testkit.Object{
		"contact_id": "P-4", "name": "Kim Lee", "email": "", "locale": "fr-CA",
	})
	r.bulk()
	r.Settled()
	closed := r.visitor()
	if page := closed.get("/f/acme/person?client=C-2&contact=P-4"); strings.Contains(page.body, "Correct…") {
		t.Error("the page offers to correct the contact, which is not allowed here")
	}
	if got := closed.get("/f/acme/edit?client=C-2&contact=P-4"); got.code != http.StatusNotFound {
		t.Errorf("where nothing may be corrected, the form answers %d", got.code)
	}

	r.startConsoleWith(pages.EditContacts)
	v := r.visitor()
	v.get("/f/acme/person?client=C-2&contact=P-4").says(t, "Correct…")
	v.get("/f/acme/edit?client=C-1&contact=P-1").says(t, `value="ada@x.example"`)
	page := v.get("/f/acme/edit?client=C-2&contact=P-4")
	page.says(t, `value="Kim Lee"`, `value="fr-CA" selected`, "And invite to the portal of Red Barn Inc")
	form := formOf(page.body)
	form.Set("name", "")
	v.post("/f/acme/edit", form).says(t, "This was not accepted", "name: ")
	form = formOf(page.body)
	form.Set("name", "Kim Lee")
	form.Set("email", "kim@x.example")
	form.Set("locale", "fr-CA")
	form.Set("again", "1")
	first := v.post("/f/acme/edit", form)
	v.receipt(first.to).says(t, "1 mail was sent.", "Kim Lee")
	if again := v.post("/f/acme/edit", form); again.to != first.to {
		t.Errorf("sent twice, the form answers %d %s, and first %s", again.code, again.to, first.to)
	}
	r.Settled()
	if got, want := string(r.lastEvent("portal.facts.acme.ContactUpserted").Data),
		`{"contact_id":"P-4","name":"Kim Lee","email":"kim@x.example","locale":"fr-CA"}`; got != want {
		t.Errorf("the contact is published as %s, want %s", got, want)
	}
	sent := 0
	for _, mail := range r.mailbox.Messages() {
		if fmt.Sprint(mail.To) == "[kim@x.example]" {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("%d mails went to the new email, want 1", sent)
	}

	old := formOf(v.get("/f/acme/edit?client=C-2&contact=P-4").body)
	r.UpsertContact("P-4", "Kim Lee-Park", "kim@x.example")
	r.Handled(events.FactsDurable)
	old.Set("name", "Kimberly Lee")
	v.post("/f/acme/edit", old).says(t, "Somebody has changed this contact meanwhile.", `value="Kim Lee-Park"`)
	if got := string(r.lastEvent("portal.facts.acme.ContactUpserted").Data); strings.Contains(got, "Kimberly") {
		t.Errorf("an old form has published %s", got)
	}
	for path, want := range map[string]int{
		"/f/acme/edit?client=C-2&contact=nobody": http.StatusNotFound, "/f/acme/edit": http.StatusNotFound,
		"/f/acme/edit?client=C-9&contact=P-4":   http.StatusNotFound,
		"/f/zenith/edit?client=C-2&contact=P-4": http.StatusNotFound,
	} {
		if got := v.get(path); got.code != want {
			t.Errorf("%s answers %d, want %d", path, got.code, want)
		}
	}
}

// Whoever may only look corrects nothing, and nobody reaches a contact of another firm.
func TestWhoMayNotCorrect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	dial := func() (*nats.Conn, error) { return nats.Connect(r.NC.ConnectedUrl()) }
	for groups, want := range map[string]int{
		"portal-office:acme,portal-read-only": http.StatusForbidden, "portal-office:zenith": http.StatusNotFound,
		"portal-ops": http.StatusForbidden,
	} {
		v := r.behindProxyWith(pages.Config{Lines: line.New(nil, dial), Edits: pages.EditContacts}, "Ann", groups)
		if got := v.get("/f/acme/edit?client=C-1&contact=P-1"); got.code != want || strings.Contains(got.body, "ada@") {
			t.Errorf("with %s, the form answers %d, want %d", groups, got.code, want)
		}
	}
}
