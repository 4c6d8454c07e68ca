package pipeline_test

import (
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/testkit"
)

// Whoever is removed by an email loses the access that they log in to with it, whoever else has the email.
func TestARemovalByEmailEndsTheAccessOfWhoLogsInWithIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		invited, changed string // the contact who is invited, and their email after that
		removed          testkit.Object
	}{
		"two share it, and the second was invited": {
			"b", "home@park.example", testkit.Added("home@park.example", "Ken")},
		"two share it, and the first was invited": {
			"a", "home@park.example", testkit.Added("home@park.example", "Kim")},
		"it has changed since":      {"b", "new@park.example", testkit.Added("home@park.example", "Ken")},
		"the contact, after a move": {"b", "new@park.example", testkit.Contact("b")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			w := pipeline.NewInviteWorker(r.Config())
			r.StartWorker(w)
			r.UpsertFirm()
			r.UpsertContact("a", "Kim Park", "home@park.example")
			r.UpsertContact("b", "Ken Park", "home@park.example")
			r.UpsertClient("c1", "*a", "b")
			r.Invite("c1", testkit.Contact(c.invited))
			r.Settled()
			opened, err := w.Answers().Redeem(r.Ctx, firm, r.linkOf("home@park.example")) // a pending one ends by itself
			if err != nil || !opened.First {
				t.Fatalf("the link is %s, %v", opened.Result, err)
			}
			r.UpsertContact(c.invited, "Park", c.changed)
			r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", c.removed))
			r.Settled()
			removed := r.Published(events.RemovedAccess)
			if len(removed) != 1 || removed[0].Recipient.ContactID != c.invited {
				t.Errorf("removed: %+v, want one, of %s", removed, c.invited)
			}
			if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM access WHERE state <> 'removed'`); left != 0 {
				t.Errorf("%d accesses are left", left)
			}
		})
	}
}

// Spouses share an email, and the second in the list was invited. A login told by the email is that person's.
func TestALoginByEmailIsOfWhoLogsInWithIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.UpsertFirm()
	r.UpsertContact("a", "Kim Park", "home@park.example")
	r.UpsertContact("b", "Ken Park", "home@park.example")
	r.UpsertClient("c1", "*a", "b")
	r.Invite("c1", testkit.Contact("b"))
	r.Settled()
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c1", "email": "Home@park.example", "granted_at": time.Now()})
	r.Settled()
	accepted := r.Published(events.InviteAccepted)
	if len(accepted) != 1 || accepted[0].Recipient.ContactID != "b" {
		t.Errorf("accepted: %+v, want one, by b", accepted)
	}
	if people := testkit.Query[string](r.Scene, `SELECT string_agg(person, ' ') FROM access`); people != "contact:b" {
		t.Errorf("%s have access, want only b", people)
	}
}

// Somebody was added by email, and has a contact record since. To remove the contact is to remove them.
func TestARemovalOfAContactEndsTheAccessAsAGuest(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*rig){
		"access": func(r *rig) {
			r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("p")))
		},
		"contact": func(r *rig) { r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "p"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			removesAGuest(t, remove)
		})
	}
}

func removesAGuest(t *testing.T, remove func(*rig)) {
	t.Helper()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Invite("c1", testkit.Added("pat@lee.example", "Pat"))
	r.Settled()
	r.UpsertContact("p", "Pat Lee", "pat@lee.example")
	r.UpsertClient("c1", "*p")
	remove(r)
	r.Settled()
	if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM access WHERE state <> 'removed'`); left != 0 {
		t.Errorf("%d accesses are left", left)
	}
	if removed := r.Published(events.RemovedAccess); len(removed) != 1 {
		t.Errorf("removed: %+v, want one", removed)
	}
}

// Spouses share an email, and the second in the list was invited. A request by the email is about that person.
func TestARequestByEmailIsForWhoLogsInWithIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		logsIn, moved bool // b has logged in; b has another email since
		ask           events.Type
		want          string // the reason, or "" for a mail
	}{
		"an invite, pending":              {false, false, events.InviteRequested, "already_invited"},
		"an invite, active":               {true, false, events.InviteRequested, "already_has_access"},
		"an invite, moved after a login":  {true, true, events.InviteRequested, "already_has_access"},
		"a resend, pending":               {false, false, events.InviteResendRequested, "resend_too_soon"},
		"a resend, active":                {true, false, events.InviteResendRequested, "resend_too_soon"},
		"a resend, moved after the login": {true, true, events.InviteResendRequested, "email_changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.StartBoth()
			r.UpsertFirm()
			r.UpsertContact("a", "Kim Park", "home@park.example")
			r.UpsertContact("b", "Ken Park", "home@park.example")
			r.UpsertClient("c1", "*a", "b")
			r.Invite("c1", testkit.Contact("b"))
			r.Settled()
			if c.logsIn {
				r.Publish(events.PortalAccessGranted, testkit.Object{
					"client_id": "c1", "contact_id": "b", "granted_at": time.Now()})
			}
			if c.moved {
				r.UpsertContact("b", "Ken Park", "ken@park.example")
			}
			r.Publish(c.ask, testkit.InviteData("c1", testkit.Added("Home@park.example", "Ken")))
			r.Settled()
			skipped := r.Published(events.InviteSkipped)
			if len(skipped) != 1 || skipped[0].Recipient.ContactID != "b" || skipped[0].Reason != c.want {
				t.Errorf("skipped: %+v, want b for %s", skipped, c.want)
			}
		})
	}
}

// Two recipients of one request turn out to be one person, once the first of them has taken the login.
func TestARequestNamesThePersonWhoTakesTheLoginTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.UpsertFirm()
	r.UpsertContact("a", "Kim Park", "home@park.example")
	r.UpsertContact("b", "Ken Park", "home@park.example")
	r.UpsertClient("c1", "*a", "b")
	r.Invite("c1", testkit.Contact("b"), testkit.Added("home@park.example", "Ken"))
	r.Settled()
	skipped := r.Published(events.InviteSkipped)
	if len(skipped) != 1 || skipped[0].Reason != string(rules.DuplicateRecipient) {
		t.Errorf("skipped: %+v, want one for duplicate_recipient", skipped)
	}
}
