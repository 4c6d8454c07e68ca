package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// An operator rules on mails of which nobody knows whether they arrived: one is sent again, another counts as arrived.
// Whoever comes second is told, and nothing changes.
func TestHeldMails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	client := api.NewClient(r.NC)
	hold := func(contact string) {
		t.Helper()
		r.mailbox.DropReplies(1)
		r.Publish(events.InviteRequested, testkit.InviteData("C-1", testkit.Contact(contact)))
		testenv.Eventually(t, patience, func() error {
			answer, err := client.Held(r.Ctx, firm, api.HeldRequest{State: api.StillHeld})
			if err == nil && (len(answer.Invites) != 1 || answer.Invites[0].Recipient.ContactID != contact) {
				err = fmt.Errorf("%+v", answer.Invites)
			}
			return err
		})
	}
	sam, ada := r.proxied("Sam Okafor", "portal-ops"), r.proxied("Ada", "portal-ops")
	for _, c := range []struct{ contact, name, action, ruled string }{
		{"P-1", "Ada Li", "arrived", "Has arrived: Sam Okafor"}, {"P-2", "Dana Wu", "send", "Sent again: Sam Okafor"},
	} {
		hold(c.contact)
		page, late := sam.get("/f/acme/held"), ada.get("/f/acme/held")
		page.says(t, c.name, "Blue Bottle LLC", "It has arrived", "Send it again")
		form, second := formOf(page.body), formOf(late.body)
		form.Set("action", c.action)
		second.Set("action", "send")
		if got := sam.post("/f/acme/held", form); got.code != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", c.action, got.code, got.body)
		}
		if got := ada.post("/f/acme/held", second); got.code != http.StatusConflict && got.code != http.StatusNotFound {
			t.Errorf("the second one gets %d: %s", got.code, got.body)
		}
		ada.get("/f/acme/held?state=decided").says(t, c.name, c.ruled)
		testenv.Eventually(t, patience, func() error {
			if got := sam.get("/f/acme/held"); !strings.Contains(got.body, "Nothing is held") {
				return fmt.Errorf("%s", got.body)
			}
			return nil
		})
	}
	r.Settled()
	// The server had taken both mails, and only one of them was sent again.
	if mails := len(r.mailbox.Messages()); mails != 3 {
		t.Errorf("the mailbox has %d mails, want 3", mails)
	}
	r.proxied("Rae", "portal-ops,portal-read-only").get("/f/acme/held?state=decided").says(t, "Ada Li", "Dana Wu")
}
