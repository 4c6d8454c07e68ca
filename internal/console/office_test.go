package console_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// An office invites in bulk, sees who was left out and why, has it corrected, and replays: all by clicking.
func TestTheTroubleshootingListByClicking(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	b.open(r.link.URL())
	b.clickText("Acme CPA")
	b.clickText("Clients")
	b.clickText("Invite in bulk…")
	b.clickText("Show what would happen")
	b.waitText("Nothing has been sent.")
	b.waitText("Why 2 would not get a mail")
	b.waitText("Dana Wu is not Primary")
	b.clickText("Send 2 invites")
	b.wait(leadsTo("/runs/", "Refresh")) // once there is a run
	b.waitText("Done")
	b.waitText("Why were 2 skipped?")
	b.wait("document.body.textContent.includes('Kim Lee has no email')") // in a disclosure that is closed

	r.UpsertContact("P-4", "Kim Lee", "kim@x.example")
	r.Handled(events.FactsDurable)
	b.clickText("Fix and replay…")
	b.waitText("What was fixed since")
	b.waitText("No email")
	b.waitText("What is still in the way of 1")
	b.clickText("Send 1 invite")
	b.wait(leadsTo("/runs/", "Refresh"))
	b.waitText("Done")
	want := "2 selected: 1 sent, 1 skipped, 0 failed, 0 pending"
	b.wait("document.querySelector('svg.bar').getAttribute('aria-label') === " + quoted(want))
	if mails := len(r.mailbox.Messages()); mails != 3 {
		t.Errorf("%d mails were sent, want 3", mails)
	}
}

// leadsTo is true once the page is at a path. Until then, it presses the link that looks again.
func leadsTo(path, link string) string {
	return fmt.Sprintf("location.pathname.includes(%s) || (%s && (%s).click(), false)",
		quoted(path), named(link), named(link))
}

// An office ticks a contact, adds a guest, looks at the mail, sends, and reads what became of both.
func TestInvitingFromAClient(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	b.open(r.link.URL())
	b.open(r.base + "/f/acme/clients?find=bottle")
	b.clickText("Blue Bottle LLC")
	eval[any](b, "document.querySelector('[value=P-2]').click(); "+
		"document.getElementById('email').value = 'gus@x.example'; document.getElementById('name').value = 'Gus Guest'; 0")
	b.clickText("Invite…")
	b.waitText("Invite 2 people?")
	b.waitText("Nothing has been sent.")
	b.clickText("Send 2 invites")
	b.waitText("Settled.")
	b.waitText("Gus Guest")
	r.Settled()
	if mails := len(r.mailbox.Messages()); mails != 2 {
		t.Errorf("%d mails were sent, want 2", mails)
	}
	b.open(r.base + "/f/acme/person?client=C-1&contact=P-2")
	b.waitText("was invited to the portal of Blue Bottle LLC")
	b.waitText("Mail sent")
	b.waitText("its link opens nothing")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// formOf reads the hidden fields of the forms on a page, which the browser would send.
func formOf(page string) url.Values {
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(field[1], field[2])
	}
	return form
}

// A form that is sent twice is one event, and names nobody but who is logged in. One of another session is refused.
func TestAFormIsOneEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	v := r.visitor()
	page := v.get("/f/acme/request?do=invite&client=C-1&contact=P-1")
	page.says(t, "Invite 1 person?")
	form := formOf(page.body)
	form.Set("requested_by", "Mallory")
	first := v.post("/f/acme/send", form)
	again := v.post("/f/acme/send", form)
	if first.code != http.StatusSeeOther || again.code != http.StatusSeeOther || first.to != again.to {
		t.Fatalf("the answers are %d %s and %d %s", first.code, first.to, again.code, again.to)
	}
	testenv.Eventually(t, patience, func() error {
		if got := v.get(first.to); !strings.Contains(got.body, "Settled.") {
			return fmt.Errorf("%d: %s", got.code, got.body)
		}
		return nil
	})
	r.Settled()
	if mails := len(r.mailbox.Messages()); mails != 1 {
		t.Errorf("%d mails were sent, want 1", mails)
	}
	msg := r.lastEvent("portal.events.acme.InviteRequested")
	if said := string(msg.Data); !strings.Contains(said, `"requested_by":"Nora Whitfield"`) ||
		strings.Contains(said, "Mallory") {
		t.Errorf("the event says %s", msg.Data)
	}
	for name, change := range map[string]func(url.Values){
		"no secret":      func(f url.Values) { f.Del("csrf") },
		"a wrong secret": func(f url.Values) { f.Set("csrf", "x") },
		"no event":       func(f url.Values) { f.Del("event") },
		"an old form":    func(f url.Values) { f.Set("at", "2020-01-01T00:00:00Z") },
		"a form of tomorrow": func(f url.Values) {
			f.Set("at", "2090-01-01T00:00:00Z")
		},
	} {
		bad := url.Values{}
		maps.Copy(bad, form)
		change(bad)
		if got := v.post("/f/acme/send", bad); got.code != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.code)
		}
	}
	other := r.visitor()
	if got := other.post("/f/acme/send", form); got.code != http.StatusForbidden {
		t.Errorf("a form of another session: %d", got.code)
	}
}

func (r *rig) lastEvent(subject string) *jetstream.RawStreamMsg {
	r.t.Helper()
	stream, err := r.JS.Stream(r.Ctx, events.EventsStream)
	r.Must(err)
	msg, err := stream.GetLastMsgForSubject(r.Ctx, subject)
	r.Must(err)
	return msg
}

// An operator sees what is wrong with an event, marked in its body, and discards it with a note; whoever comes second
// is told what the first one did.
func TestADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.Publish(events.InviteRequested, testkit.With(testkit.InviteData("C-1", testkit.Contact("P-1")), "client_id", 1040))
	v := r.visitor()
	var id string
	testenv.Eventually(t, patience, func() error {
		answer, err := api.NewClient(r.NC).DeadLetters(r.Ctx, firm, api.DeadLettersRequest{})
		if err == nil && len(answer.Letters) == 0 {
			err = fmt.Errorf("no letter")
		}
		if err == nil {
			id = answer.Letters[0].ID.String()
		}
		return err
	})
	v.get("/f/acme/letters").says(t, "InviteRequested", "client_id")
	page := v.get("/f/acme/letters/" + id)
	page.says(t, "<mark>1040</mark>", "<em>client_id: ")
	form := formOf(page.body)
	form.Set("action", "discard")
	if got := v.post("/f/acme/letters/"+id, form); got.code != http.StatusBadRequest {
		t.Errorf("without a note: %d", got.code)
	}
	form.Set("note", "told the file service")
	for _, want := range []int{http.StatusSeeOther, http.StatusConflict} {
		if got := v.post("/f/acme/letters/"+id, form); got.code != want {
			t.Errorf("discarding answers %d, want %d: %s", got.code, want, got.body)
		}
	}
	v.get("/f/acme/letters/"+id).says(t, "Discarded", "Nora Whitfield", "told the file service")
}

// The list for the office has everybody, and no cell that a spreadsheet would take for a formula.
func TestTheListAsAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.UpsertContact("P-9", "=HYPERLINK(\"http://evil.example\")", "")
	r.client("C-9", "+1 LLC", "*P-9")
	r.Handled(events.FactsDurable)
	run := r.bulk()
	file := r.visitor().get("/f/acme/runs/" + run.RunID.String() + "/people.csv?outcome=skipped")
	if file.code != http.StatusOK || !strings.HasPrefix(file.header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%d %v", file.code, file.header)
	}
	if lines := strings.Count(file.body, "\n"); lines != run.Skipped+1 {
		t.Errorf("the file has %d lines, want %d:\n%s", lines, run.Skipped+1, file.body)
	}
	for _, want := range []string{"'+1 LLC", "'=HYPERLINK", "Kim Lee has no email", "https://office.example/clients/C-2"} {
		if !strings.Contains(file.body, want) {
			t.Errorf("the file lacks %q:\n%s", want, file.body)
		}
	}
}
