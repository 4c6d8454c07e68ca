package pipeline_test

import (
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
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
