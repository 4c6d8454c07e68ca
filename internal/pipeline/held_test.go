package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// newHoldingRig has workers that hold what may or may not have arrived, and a firm with Dana and Lee on a client each.
func newHoldingRig(t *testing.T) (*rig, *Worker) {
	t.Helper()
	r := newRig(t)
	w := NewInviteWorker(r.holding())
	r.start(w)
	r.start(NewBulkWorker(r.holding()))
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.client("c1", "*dana")
	r.client("c2", "*lee")
	return r, w
}

func (r *rig) holding() Config {
	cfg := r.config()
	cfg.OnUnknown = HoldUnknown
	cfg.Policy.InviteTTL = 30 * 24 * time.Hour // and no cooldown
	return cfg
}

const oneHeld = `SELECT coalesce((SELECT invite_id::text FROM invites WHERE state = 'queued' AND held_at IS NOT NULL), '')`

// held waits until one invite is held, and returns it.
func (r *rig) held() uuid.UUID {
	r.t.Helper()
	var id uuid.UUID
	testenv.Eventually(r.t, time.Minute, func() (err error) {
		id, err = uuid.Parse(query[string](r, oneHeld))
		return err
	})
	return id
}

// loses has one mail held that a request sends.
func (r *rig) loses(t events.Type, data object) uuid.UUID {
	r.t.Helper()
	r.mailbox.DropReplies(1)
	r.publish(t, data)
	return r.held()
}

func (r *rig) sentOnce(invite uuid.UUID, attempt int) outcome {
	r.t.Helper()
	var found []outcome
	for _, o := range r.told(events.InviteSent) {
		if o.InviteID == invite.String() {
			found = append(found, o)
		}
	}
	if len(found) != 1 || found[0].Revision != 1 || found[0].Attempt != attempt || found[0].MessageID != query[string](r,
		`SELECT message_id FROM attempts WHERE invite_id = $1 AND attempt = $2`, invite, attempt) {
		r.t.Fatalf("InviteSent: %+v", found)
	}
	return found[0]
}

// onRecord checks what is on record about an attempt, and of whom.
func (r *rig) onRecord(invite uuid.UUID, attempt int, decision store.Decision, by string) {
	r.t.Helper()
	if got := query[string](r, `SELECT coalesce(min(decision || ' by ' || decided_by), '') FROM held_decisions WHERE invite_id = $1 AND attempt = $2`,
		invite, attempt); got != string(decision)+" by "+by {
		r.t.Errorf("on record: %q, want %q by %q", got, decision, by)
	}
}

func TestSomebodySaysThatAHeldMailHasArrived(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.BulkInviteRequested, bulkOf("c1"))
	r.must(w.DecideHeld(r.ctx, firm, id, store.Arrived, "sam"))
	r.settled()
	r.sentOnce(id, 1)
	r.onRecord(id, 1, store.Arrived, "sam")
	if o := r.told(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 || o[0].Selected != 1 {
		t.Errorf("completed: %+v", o)
	}
	if mails := len(r.mailbox.Messages()); mails != 1 {
		t.Errorf("%d mails", mails)
	}
	for _, decision := range []store.Decision{store.Arrived, store.SendAgain} {
		if err := w.DecideHeld(r.ctx, firm, id, decision, "kim"); !errors.Is(err, ErrNotHeld) {
			t.Errorf("decided once more: %v", err)
		}
	}
	r.onRecord(id, 1, store.Arrived, "sam")
}

func TestSomebodyHasAHeldMailSentAgain(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.BulkInviteRequested, bulkOf("c1"))
	if err := w.DecideHeld(r.ctx, "other", id, store.SendAgain, "sam"); !errors.Is(err, ErrNotHeld) {
		t.Errorf("by another firm: %v", err)
	}
	// It gets lost a second time, days later: the new attempt is held as well, and decided about anew.
	r.age(`UPDATE invites SET decided_at = decided_at - interval '80 hours'`)
	r.mailbox.DropReplies(1)
	r.must(w.DecideHeld(r.ctx, firm, id, store.SendAgain, "sam"))
	r.attempted(2)
	r.held()
	r.must(w.DecideHeld(r.ctx, firm, id, store.SendAgain, "kim"))
	r.settled()
	r.sentOnce(id, 3)
	r.onRecord(id, 1, store.SendAgain, "sam")
	r.onRecord(id, 2, store.SendAgain, "kim")
	mails := r.mailbox.Messages()
	for _, m := range mails {
		if m.MessageID != mails[0].MessageID || r.tokenIn(m) != r.tokenIn(mails[0]) {
			t.Errorf("a copy is another mail: %s and %s", m.MessageID, mails[0].MessageID)
		}
	}
	if o := r.told(events.RunCompleted); len(mails) != 3 || len(o) != 1 || o[0].Sent != 1 {
		t.Errorf("%d mails; completed: %+v", len(mails), o)
	}
}

func TestTwoWhoDecideAtOnceAreToldWhoWasFirst(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.InviteRequested, inviteData("c1", contact("dana")))
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- w.DecideHeld(r.ctx, firm, id, store.Arrived, "sam") }()
	}
	first := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			first++
		} else if !errors.Is(err, ErrNotHeld) {
			t.Error(err)
		}
	}
	if first != 1 {
		t.Errorf("%d were first", first)
	}
	r.settled()
	r.sentOnce(id, 1)
}

func TestWhoFollowsTheLinkOfAHeldMailHasIt(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.BulkInviteRequested, bulkOf("c1"))
	token := r.tokenIn(r.mailbox.Messages()[0])
	if peeked, err := w.Peek(r.ctx, firm, token); err != nil || peeked.Result != LinkOpened || query[string](r, oneHeld) != id.String() {
		t.Errorf("looked at: %+v, %v", peeked, err)
	}
	if redeemed, err := w.Redeem(r.ctx, firm, token); err != nil || redeemed.Result != LinkOpened || !redeemed.First {
		t.Fatalf("opened: %+v, %v", redeemed, err)
	}
	r.settled()
	r.sentOnce(id, 1)
	r.onRecord(id, 1, store.Arrived, byLink)
	if o := r.told(events.InviteAccepted); len(o) != 1 || o[0].InviteID != id.String() || o[0].Revision != 1 {
		t.Errorf("accepted: %+v", o)
	}
	if o := r.told(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 {
		t.Errorf("completed: %+v", o)
	}
}

// The old link is the valid one until it is known that the newer mail has arrived: by its link, or because somebody says so.
func TestAHeldResendReplacesTheLinkWhenItIsKnownToHaveArrived(t *testing.T) {
	t.Parallel()
	for name, arrive := range map[string]func(r *rig, w *Worker, id uuid.UUID, token string) error{
		"by its link": func(r *rig, w *Worker, _ uuid.UUID, token string) error {
			redeemed, err := w.Redeem(r.ctx, firm, token)
			if err == nil && redeemed.Result != LinkOpened {
				err = errors.New(string(redeemed.Result))
			}
			return err
		},
		"by what somebody says": func(r *rig, w *Worker, id uuid.UUID, _ string) error {
			return w.DecideHeld(r.ctx, firm, id, store.Arrived, "sam")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w := newHoldingRig(t)
			r.invite("c1", contact("dana"))
			r.settled()
			id := r.loses(events.InviteResendRequested, inviteData("c1", contact("dana")))
			mails := r.mailbox.Messages()
			old, newer := r.tokenIn(mails[0]), r.tokenIn(mails[1])
			is := func(token string, want Redemption) {
				t.Helper()
				if peeked, err := w.Peek(r.ctx, firm, token); err != nil || peeked.Result != want {
					t.Errorf("the link is %s, %v; want %s", peeked.Result, err, want)
				}
			}
			is(old, LinkOpened)
			is(newer, LinkOpened)
			r.must(arrive(r, w, id, newer))
			r.settled()
			r.sentOnce(id, 1)
			is(old, LinkReplaced)
			is(newer, LinkOpened)
		})
	}
}

func TestAResendOvertakesWhatIsHeld(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"invite", "resend"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r, w := newHoldingRig(t)
			if mode == "resend" {
				r.invite("c1", contact("dana"))
				r.settled()
			}
			id := r.loses(events.BulkInviteRequested, with(bulkOf("c1"), "mode", mode))
			r.publish(events.InviteResendRequested, inviteData("c1", contact("dana")))
			r.settled()
			r.sentOnce(id, 1)
			r.onRecord(id, 1, store.Arrived, byResend)
			mails := r.mailbox.Messages()
			newest := len(mails) - 1
			for i, want := range []Redemption{LinkReplaced, LinkOpened} {
				if peeked, err := w.Peek(r.ctx, firm, r.tokenIn(mails[newest-1+i])); err != nil || peeked.Result != want {
					t.Errorf("the link of mail %d is %s, %v; want %s", newest-1+i, peeked.Result, err, want)
				}
			}
			if o := r.told(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 {
				t.Errorf("completed: %+v", o)
			}
		})
	}
}

func TestWhatIsHeldEndsWithWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(r *rig)
		reason  string
	}{
		"the access is removed": {func(r *rig) {
			r.publish(events.AccessRemovalRequested, inviteData("c1", contact("dana")))
		}, "access_removed"},
		"the contact is removed": {func(r *rig) { r.publish(events.ContactRemoved, object{"contact_id": "dana"}) }, "email_missing"},
		"the client is removed":  {func(r *rig) { r.publish(events.ClientRemoved, object{"client_id": "c1"}) }, "client_not_found"},
		"the client is archived": {func(r *rig) { r.publish(events.ClientUpserted, with(clientData("c1", "*dana"), "active", false)) }, "client_inactive"},
		"the mail has come back": {func(r *rig) {
			r.publish(events.EmailSuppressed, object{"email": "dana@example.com", "cause": "bounce"})
		}, "email_suppressed"},
		"the person has logged in": {func(r *rig) {
			r.publish(events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
		}, "already_has_access"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newHoldingRig(t)
			r.loses(events.BulkInviteRequested, bulkOf("c1"))
			c.happens(r)
			r.settled()
			if o := r.standing()["c1/dana"]; o.Type != events.InviteSkipped || o.Reason != c.reason {
				t.Errorf("%s", o.Raw)
			}
			if o := r.told(events.RunCompleted); len(o) != 1 || o[0].Skipped != 1 || o[0].Sent != 0 {
				t.Errorf("completed: %+v", o)
			}
			if mails := len(r.mailbox.Messages()); mails != 1 {
				t.Errorf("%d mails", mails)
			}
		})
	}
}

func TestWhatIsHeldIsSentAgainOnceTheOperatorWantsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stopInvites, stopBulk := r.start(NewInviteWorker(r.holding())), r.start(NewBulkWorker(r.holding()))
	r.office(1)
	id := r.loses(events.BulkInviteRequested, bulkAll())
	stopInvites()
	stopBulk()
	r.startBoth() // with the default, resend
	r.settled()
	r.sentOnce(id, 2)
	r.onRecord(id, 1, store.SendAgain, bySetting)
	if o := r.told(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 {
		t.Errorf("completed: %+v", o)
	}
}

// Many are held when a mail server dies under load: they are looked at page by page.
func TestEveryPageOfTheHeldIsLookedAt(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	r.loses(events.InviteRequested, inviteData("c1", contact("dana")))
	watch := &heldWatch{Worker: w}
	if _, err := watch.look(r.ctx); err != nil || watch.after != uuid.Nil {
		t.Errorf("behind a short page it goes on at %s, %v", watch.after, err)
	}
	page, err := heldPage(r, uuid.Nil)
	if err != nil || len(page) != 1 {
		t.Fatalf("%d held, %v", len(page), err)
	}
	if page, err = heldPage(r, page[0].ID); err != nil || len(page) != 0 {
		t.Errorf("behind the last: %d held, %v", len(page), err)
	}
}

func heldPage(r *rig, after uuid.UUID) (page []store.HeldInvite, err error) {
	err = r.store.Read(r.ctx, func(tx *store.Tx) error {
		page, err = tx.HeldPage(r.ctx, store.IndividualLane, after, heldBatch)
		return err
	})
	return page, err
}
