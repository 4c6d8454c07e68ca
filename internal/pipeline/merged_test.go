package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// merge publishes that contacts are one person.
func (r *rig) merge(into string, from ...string) {
	r.Publish(events.ContactsMerged, testkit.Object{"from": from, "into": into})
}

// accesses returns the accesses, as "client person state" in their order.
func (r *rig) accesses() string {
	return testkit.Query[string](r.Scene, `SELECT coalesce(string_agg(client_id || ' ' || person || ' ' || state, ', '
		ORDER BY client_id, person), '') FROM access`)
}

// mergeScene has two records of one person, who share an email. a is on c1, and b on c2.
func mergeScene(t *testing.T) (*rig, *pipeline.Worker) {
	t.Helper()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartWorker(pipeline.NewBulkWorker(r.Config()))
	r.UpsertFirm()
	r.UpsertContact("a", "Dana Wu", "dana@wu.example")
	r.UpsertContact("b", "Dana C. Wu", "dana@wu.example")
	r.UpsertClient("c1", "*a")
	r.UpsertClient("c2", "*b")
	return r, w
}

// Whoever uses the portal goes on using it, by the old link and under the old id, also if the old record is deleted.
func TestAMergeMovesActiveAccess(t *testing.T) {
	t.Parallel()
	r, w := mergeScene(t)
	r.Invite("c1", testkit.Contact("a"))
	r.Settled()
	link := r.linkOf("dana@wu.example")
	if opened, err := w.Answers().Redeem(r.Ctx, firm, link); err != nil || !opened.First {
		t.Fatalf("the link is %s, %v", opened.Result, err)
	}
	r.merge("b", "a")
	r.merge("b", "a") // a second delivery
	r.merge("a", "b") // a circle
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "a"})
	r.Settled()
	if got := r.accesses(); got != "c1 contact:b active" {
		t.Errorf("access is %s, want that of b, active", got)
	}
	if opened, err := w.Answers().Redeem(r.Ctx, firm, link); err != nil || opened.Result != answer.LinkOpened ||
		opened.Invite.Person != "contact:b" {
		t.Errorf("the old link is %s for %s, %v", opened.Result, opened.Invite.Person, err)
	}
	list, err := r.Store.Statuses(r.Ctx, store.StatusFilter{FirmID: firm, ContactID: "a", ClientID: "c1"}, 10)
	if err != nil || len(list) != 1 || list[0].Person != "contact:b" || list[0].Access == nil {
		t.Errorf("the status of a is %+v (%v), want that of b", list, err)
	}
	r.Invite("c1", testkit.Contact("a"), testkit.Contact("b"))
	r.Invite("c2", testkit.Contact("a"))
	r.Settled()
	want := map[string]int{"already_has_access": 1, "duplicate_recipient": 0}
	for _, o := range r.Published(events.InviteSkipped) {
		if want[o.Reason]--; o.Recipient.ContactID != "b" {
			t.Errorf("%s is skipped for %s, want b", o.Recipient.ContactID, o.Reason)
		}
	}
	if got := r.accesses(); want["already_has_access"] > 0 || got != "c1 contact:b active, c2 contact:b invited" {
		t.Errorf("access is %s, and skips are missing: %v", got, want)
	}
	if removed := r.Published(events.RemovedAccess); len(removed) != 0 {
		t.Errorf("removed: %+v", removed)
	}
	r.Audit()
}

// The old ids mean the contact that stays, in whatever event comes afterwards.
func TestOldIDsMeanTheContactThatStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play func(*rig)
		want string
	}{
		"a login": {func(r *rig) {
			r.Publish(events.PortalAccessGranted, testkit.Object{
				"client_id": "c1", "contact_id": "a", "granted_at": time.Now()})
		}, "c1 contact:b active"},
		"a bulk invite": {func(r *rig) {
			r.Publish(events.BulkInviteRequested, testkit.Bulk(testkit.Object{"client_ids": []string{"c1"}}))
		}, "c1 contact:b invited"},
		"a client's list": {func(r *rig) {
			r.UpsertClient("c3", "*a", "b")
			r.Publish(events.BulkInviteRequested, testkit.Bulk(testkit.Object{"client_ids": []string{"c3"}}))
		}, "c3 contact:b invited"},
		"a new email": {func(r *rig) {
			r.UpsertContact("a", "Dana Wu", "new@wu.example")
			r.Invite("c2", testkit.Added("new@wu.example", "Dana"))
		}, "c2 contact:b invited"},
		"a removal": {func(r *rig) {
			r.Invite("c2", testkit.Contact("b"))
			r.Settled()
			r.Publish(events.AccessRemovalRequested, testkit.InviteData("c2", testkit.Contact("a")))
		}, "c2 contact:b removed"},
		"a chain": {func(r *rig) {
			r.UpsertContact("d", "Dana", "d@wu.example")
			r.merge("d", "b")
			r.Invite("c1", testkit.Contact("a"))
		}, "c1 contact:d invited"},
		"an unknown contact": {func(r *rig) {
			r.merge("new", "a")
			r.Invite("c1", testkit.Contact("a"))
		}, "c1 contact:new invited"},
		"a removed contact": {func(r *rig) {
			r.UpsertContact("d", "Dana", "d@wu.example")
			r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "d"})
			r.merge("d", "b")
			r.Invite("c2", testkit.Contact("b"))
		}, "c2 contact:d invited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := mergeScene(t)
			r.merge("b", "a")
			r.Handled(events.FactsDurable) // what comes in one batch with the merge is moved by the merge itself
			c.play(r)
			r.Settled()
			if got := r.accesses(); got != c.want {
				t.Errorf("access is %q, want %q", got, c.want)
			}
			r.Audit()
		})
	}
}

// Both records have access to one portal. The one that is further along is kept, and each invite has its own outcome.
func TestAMergeKeepsTheAccessThatIsFurtherAlong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		loggedIn []string
		want     string
		links    map[string]answer.Redemption
	}{
		"both pending": {nil, "c1 contact:b invited",
			map[string]answer.Redemption{"a@wu.example": answer.LinkReplaced, "b@wu.example": answer.LinkOpened}},
		"the old one is active": {[]string{"a"}, "c1 contact:b active",
			map[string]answer.Redemption{"a@wu.example": answer.LinkOpened, "b@wu.example": answer.LinkReplaced}},
		"both active": {[]string{"a", "b"}, "c1 contact:b active",
			map[string]answer.Redemption{"a@wu.example": answer.LinkReplaced, "b@wu.example": answer.LinkOpened}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w := mergeScene(t)
			r.UpsertContact("a", "Dana Wu", "a@wu.example")
			r.UpsertContact("b", "Dana Wu", "b@wu.example")
			r.UpsertClient("c1", "*a", "*b")
			r.Invite("c1", testkit.Contact("a"))
			r.Invite("c1", testkit.Contact("b"))
			r.Settled()
			for _, who := range c.loggedIn {
				r.Publish(events.PortalAccessGranted, testkit.Object{
					"client_id": "c1", "contact_id": who, "granted_at": time.Now()})
			}
			r.merge("b", "a")
			r.Settled()
			if got := r.accesses(); got != c.want {
				t.Errorf("access is %q, want %q", got, c.want)
			}
			for to, want := range c.links {
				if got, err := w.Answers().Peek(r.Ctx, firm, r.linkOf(to)); err != nil || got.Result != want {
					t.Errorf("the link to %s is %s (%v), want %s", to, got.Result, err, want)
				}
			}
			free := testkit.Query[int](r.Scene, `SELECT count(*) FROM logins l WHERE NOT EXISTS (
				SELECT FROM access a WHERE a.person = l.person AND a.email = l.email)`)
			if free != 0 {
				t.Errorf("%d logins open nothing", free)
			}
			r.Audit()
		})
	}
}

// An invite that waits for the old record is sent to the one that stays, once.
func TestAMergeMovesInvitesThatWait(t *testing.T) {
	t.Parallel()
	r, _ := mergeScene(t)
	r.UpsertContact("b", "Dana Wu", "b@wu.example")
	r.Mailbox.Refuse("dana@wu.example", 450, [3]int{4, 2, 0}, "try again later")
	r.Invite("c1", testkit.Contact("a"))
	r.Attempted(1)
	r.merge("b", "a")
	r.Handled(events.FactsDurable)
	r.Due()
	r.Settled()
	if sent := r.Published(events.InviteSent); len(sent) != 1 || sent[0].Recipient.ContactID != "b" {
		t.Errorf("sent: %+v, want one, to b", sent)
	}
	r.linkOf("b@wu.example")
	r.Audit()
}

// What a transaction writes for the old record at the moment of the merge is moved a little later.
func TestWhatComesAtTheMomentOfAMergeIsMoved(t *testing.T) {
	t.Parallel()
	r, w := mergeScene(t)
	r.merge("b", "a")
	r.Invite("c1", testkit.Contact("b"))
	r.Settled()
	link := r.linkOf("dana@wu.example")
	r.Exec(`UPDATE access SET person = 'contact:a'`)
	r.Exec(`UPDATE invites SET person = 'contact:a'`)
	r.Exec(`UPDATE logins SET person = 'contact:a'`)
	r.Exec(`UPDATE clients SET contact_ids = '{a}' WHERE client_id = 'c1'`)
	testenv.Eventually(t, time.Minute, func() error {
		if got := r.accesses(); got != "c1 contact:b invited" {
			return fmt.Errorf("access is %s", got)
		}
		return nil
	})
	if opened, err := w.Answers().Redeem(r.Ctx, firm, link); err != nil || opened.Result != answer.LinkOpened {
		t.Errorf("the link is %s, %v", opened.Result, err)
	}
	r.Audit()
}
