package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// linkOf returns the token of the newest mail to an address.
func (r *rig) linkOf(to string) string {
	r.TB.Helper()
	for _, m := range slices.Backward(r.Mailbox.Messages()) {
		if m.To[0] == to {
			return r.TokenIn(m)
		}
	}
	r.TB.Fatalf("no mail went to %s", to)
	return ""
}

func (r *rig) inviteAll() {
	r.Publish(events.BulkInviteRequested, testkit.Bulk(testkit.Object{"all_clients": true}))
}

// linkIs checks what a link leads to, without opening it.
func (r *rig) linkIs(w *pipeline.Worker, token string, want answer.Redemption) {
	r.TB.Helper()
	peeked, err := w.Answers().Peek(r.Ctx, firm, token)
	if err != nil || peeked.Result != want {
		r.TB.Errorf("the link is %s, %v; want %s", peeked.Result, err, want)
	}
}

// removedWhy lists the AccessRemoved that were published, as "contact was why cause".
func (r *rig) removedWhy() (list []string) {
	for _, o := range r.Published(events.RemovedAccess) {
		list = append(list, fmt.Sprintf("%s %s %s %s", o.Recipient.ContactID, o.Was, o.Why, o.Cause.Type))
	}
	slices.Sort(list)
	return list
}

// An invite went to a mistyped address. Once the contact is corrected, the stranger's link is dead, and whoever invites
// next reaches the new address.
func TestACorrectedEmailEndsThePendingInvite(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(*rig){
		"bulk":       func(r *rig) { r.inviteAll() },
		"by contact": func(r *rig) { r.Invite("c1", testkit.Contact("dana")) },
		"by email":   func(r *rig) { r.Invite("c1", testkit.Added("dana.wu@mail.example", "Dana")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			w := pipeline.NewInviteWorker(r.Config())
			r.StartWorker(w)
			r.StartBulk()
			r.UpsertFirm()
			r.UpsertContact("dana", "Dana Wu", "dana.wo@mail.example")
			r.UpsertClient("c1", "*dana")
			r.inviteAll()
			r.Settled()
			stranger := r.linkOf("dana.wo@mail.example")
			r.linkIs(w, stranger, answer.LinkOpened)

			r.UpsertContact("dana", "Dana Wu", "dana.wu@mail.example")
			r.Settled()
			r.linkIs(w, stranger, answer.LinkRemoved)
			want := []string{"dana invited email_changed ContactUpserted"}
			if got := r.removedWhy(); !slices.Equal(got, want) {
				t.Errorf("removed: %q, want %q", got, want)
			}
			r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
			r.Settled()
			if got := r.Newest()["c1/dana"]; got.Reason != "access_removed" || len(got.Reasons) != 1 ||
				got.Reasons[0].Remedy != "Send a new invite instead. It goes to the new email." {
				t.Errorf("a resend: %s", got.Raw)
			}
			again(r)
			r.Settled()
			r.linkIs(w, r.linkOf("dana.wu@mail.example"), answer.LinkOpened)
			r.linkIs(w, stranger, answer.LinkReplaced)
			if got := r.removedWhy(); !slices.Equal(got, want) {
				t.Errorf("removed: %q, want no other", got)
			}
		})
	}
}

// The mail of the new invite waits. Until it leaves, nobody can find it, so the old link does not send anybody to it.
func TestAnOldLinkIsReplacedOnceTheNewMailHasLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana.wo@mail.example")
	r.UpsertClient("c1", "*dana")
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	stranger := r.linkOf("dana.wo@mail.example")

	r.Mailbox.Down()
	r.UpsertContact("dana", "Dana Wu", "dana.wu@mail.example")
	r.Invite("c1", testkit.Contact("dana"))
	r.Decided(2)
	r.withoutServer()
	r.linkIs(w, stranger, answer.LinkRemoved)
	r.Mailbox.Up()
	r.Settled()
	r.linkIs(w, stranger, answer.LinkReplaced)
	r.linkIs(w, r.linkOf("dana.wu@mail.example"), answer.LinkOpened)
}

// Whoever has logged in keeps the login, whatever becomes of the contact's email.
func TestACorrectedEmailLeavesActiveAccessAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@mail.example")
	r.UpsertContact("eve", "Eve Orr", "eve@mail.example")
	r.UpsertClient("c1", "*dana", "*eve")
	r.Invite("c1", testkit.Contact("dana"), testkit.Contact("eve"))
	r.Settled()
	link := r.linkOf("dana@mail.example")
	if opened, err := w.Answers().Redeem(r.Ctx, firm, link); err != nil || !opened.First {
		t.Fatalf("the link is %s, %v", opened.Result, err)
	}
	r.UpsertContact("dana", "Dana Wu", "dana@new.example")
	// Eve logs in, and changes her email at once. Both facts may be in one batch.
	r.PublishAll(
		r.Event(events.PortalAccessGranted, testkit.Object{
			"client_id": "c1", "email": "eve@mail.example", "granted_at": time.Now()}),
		r.Event(events.ContactUpserted, testkit.ContactData("eve", "Eve Orr", "eve@new.example")))
	r.Settled()
	r.linkIs(w, link, answer.LinkOpened)
	r.linkIs(w, r.linkOf("eve@mail.example"), answer.LinkOpened)
	if got := r.removedWhy(); len(got) != 0 {
		t.Errorf("removed: %q", got)
	}
	if n := len(r.Published(events.InviteAccepted)); n != 2 {
		t.Errorf("%d invites were accepted, want 2", n)
	}
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	const remedy = "Nothing to do if they can log in. To change the login, remove the portal access of Dana Wu, then " +
		"invite them at d•••@new.example."
	if got := r.Newest()["c1/dana"]; got.Reasons[0].Remedy != remedy {
		t.Errorf("invited again: %s", got.Raw)
	}
}

// An archived client suspends every link, and revives it when it is active again. Nobody's access ends.
func TestAnArchivedClientSuspendsItsLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.UpsertFirm()
	r.UpsertContact("cy", "Cy", "cy@mail.example")
	r.UpsertContact("dee", "Dee", "dee@mail.example")
	r.UpsertClient("c1", "*cy", "*dee")
	r.Invite("c1", testkit.Contact("cy"), testkit.Contact("dee"), testkit.Added("guest@mail.example", "Guest"))
	r.Settled()
	links := []string{r.linkOf("cy@mail.example"), r.linkOf("dee@mail.example"), r.linkOf("guest@mail.example")}
	_, err := w.Answers().Redeem(r.Ctx, firm, links[1])
	r.Must(err)
	for _, archived := range []bool{true, false} {
		r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c1", "*cy", "*dee"), "active", !archived))
		r.Settled()
		want := map[bool]answer.Redemption{true: answer.LinkSuspended, false: answer.LinkOpened}[archived]
		for _, link := range links {
			r.linkIs(w, link, want)
		}
		opened, err := w.Answers().Redeem(r.Ctx, firm, links[0])
		if err != nil || opened.Result != want {
			t.Errorf("opened, the link is %s, %v; want %s", opened.Result, err, want)
		}
	}
	r.Settled()
	if got := r.removedWhy(); len(got) != 0 {
		t.Errorf("removed: %q", got)
	}
	if n := len(r.Published(events.InviteAccepted)); n != 2 {
		t.Errorf("%d invites were accepted, want 2: nobody accepts a link that is suspended", n)
	}
}

// Whoever is off the client's list loses a pending invite, and an active one is suspended until they are back on it.
// Guests are on no client's list.
func TestWhoIsOffTheClientsList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.UpsertFirm()
	r.UpsertContact("ann", "Ann", "ann@mail.example")
	r.UpsertContact("bob", "Bob", "bob@mail.example")
	r.UpsertClient("c1", "*ann", "*bob")
	r.UpsertClient("c2", "*ann")
	r.Invite("c1", testkit.Contact("ann"), testkit.Contact("bob"), testkit.Added("guest@mail.example", "Guest"))
	r.Settled()
	ann, bob, guest := r.linkOf("ann@mail.example"), r.linkOf("bob@mail.example"), r.linkOf("guest@mail.example")
	_, err := w.Answers().Redeem(r.Ctx, firm, bob)
	r.Must(err)

	r.UpsertClient("c1")
	r.Settled()
	r.linkIs(w, ann, answer.LinkRemoved)
	r.linkIs(w, bob, answer.LinkSuspended)
	r.linkIs(w, guest, answer.LinkOpened)
	if got, want := r.removedWhy(), []string{"ann invited not_on_client ClientUpserted"}; !slices.Equal(got, want) {
		t.Errorf("removed: %q, want %q", got, want)
	}
	r.UpsertClient("c1", "*ann", "*bob")
	r.Invite("c1", testkit.Contact("ann"))
	r.Settled()
	r.linkIs(w, bob, answer.LinkOpened)
	r.linkIs(w, ann, answer.LinkReplaced)
	r.linkIs(w, r.linkOf("ann@mail.example"), answer.LinkOpened)
}

// The rule compares what is stored. So it makes no difference in which order workers apply facts, nor how often.
func TestFactsEndAccessInWhateverOrderTheyCome(t *testing.T) {
	t.Parallel()
	contact := func(sequence uint64, email string) func(*store.Facts) {
		return func(f *store.Facts) {
			f.Contact(firm, rules.Contact{ID: "dana", Name: "Dana", Email: rules.Email{Written: email, Normal: email}},
				r0(sequence))
		}
	}
	client := func(sequence uint64, on ...string) func(*store.Facts) {
		return func(f *store.Facts) {
			c := rules.Client{ID: "c1", Kind: rules.Business, Name: "C", Active: true}
			for _, id := range on {
				c.Contacts = append(c.Contacts, rules.ClientContact{ContactID: id, Primary: true})
			}
			f.Client(firm, c, r0(sequence))
		}
	}
	steps := func(list ...func(*store.Facts)) []func(*store.Facts) { return list }
	for name, c := range map[string]struct {
		facts []func(*store.Facts) // each in a transaction of its own; the access is decided at 1000
		want  string
	}{
		"the newest first": {steps(contact(1002, "new@x.example"), contact(1001, "dana@x.example")),
			"removed email_changed"},
		"corrected, and back again": {steps(contact(1002, "dana@x.example"), contact(1001, "new@x.example")),
			"invited "},
		"a fact from before":            {steps(contact(5, "old@x.example"), client(6)), "invited "},
		"off the list, and on it again": {steps(client(1002, "dana"), client(1001)), "invited "},
		"off the list":                  {steps(client(1001), client(1001)), "removed not_on_client"},
		"both, the client first":        {steps(client(1002), contact(1001, "new@x.example")), "removed not_on_client"},
		"the email is left out":         {steps(contact(1001, "")), "removed email_changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			stop := r.StartInvites()
			r.UpsertFirm()
			r.UpsertContact("dana", "Dana", "dana@x.example")
			r.UpsertClient("c1", "*dana")
			r.Invite("c1", testkit.Contact("dana"))
			r.Settled()
			stop()
			r.Exec(`UPDATE contacts SET stream = $1, sequence = 900`, r0(0).Stream)
			r.Exec(`UPDATE clients SET stream = $1, sequence = 900`, r0(0).Stream)
			r.Exec(`UPDATE access SET stream = $1, sequence = 1000`, r0(0).Stream)
			for _, add := range c.facts {
				r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
					var facts store.Facts
					add(&facts)
					_, err := tx.ApplyFacts(r.Ctx, &facts)
					return err
				}))
			}
			if got := testkit.Query[string](r.Scene, `SELECT state || ' ' || removed_why FROM access`); got != c.want {
				t.Errorf("the access is %q, want %q", got, c.want)
			}
			held := testkit.Query[int](r.Scene, `SELECT count(*) FROM logins`)
			if want := map[bool]int{true: 1}[c.want == "invited "]; held != want {
				t.Errorf("%d logins are reserved, want %d", held, want)
			}
		})
	}
}

// r0 is a position in a stream of a test that applies facts by hand.
func r0(sequence uint64) store.Position {
	return store.Position{Stream: time.Unix(1, 0).UTC(), Sequence: sequence}
}
