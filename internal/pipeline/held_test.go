package pipeline_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// newHoldingRig starts workers that hold mails of unknown result, and publishes a firm with Dana and Lee on a client
// each.
func newHoldingRig(t *testing.T) (*rig, *pipeline.Worker) {
	t.Helper()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.holding())
	r.StartWorker(w)
	r.StartWorker(pipeline.NewBulkWorker(r.holding()))
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertClient("c1", "*dana")
	r.UpsertClient("c2", "*lee")
	return r, w
}

func (r *rig) holding() pipeline.Config {
	cfg := r.Config()
	cfg.OnUnknown = pipeline.HoldUnknown
	cfg.Policy.InviteTTL = 30 * 24 * time.Hour // so that the policy is not empty, and has no cooldown
	return cfg
}

const oneHeld = `SELECT coalesce((SELECT invite_id::text FROM invites
	WHERE state = 'queued' AND held_at IS NOT NULL), '')`

// held waits until one invite is held, and returns it.
func (r *rig) held() uuid.UUID {
	r.TB.Helper()
	var id uuid.UUID
	testenv.Eventually(r.TB, time.Minute, func() (err error) {
		id, err = uuid.Parse(testkit.Query[string](r.Scene, oneHeld))
		return err
	})
	return id
}

// loses publishes a request, drops the reply to its mail, and returns the held invite.
func (r *rig) loses(t events.Type, data testkit.Object) uuid.UUID {
	r.TB.Helper()
	r.Mailbox.DropReplies(1)
	r.Publish(t, data)
	return r.held()
}

func (r *rig) sentOnce(invite uuid.UUID, attempt int) testkit.Outcome {
	r.TB.Helper()
	var found []testkit.Outcome
	for _, o := range r.Published(events.InviteSent) {
		if o.InviteID == invite.String() {
			found = append(found, o)
		}
	}
	if len(found) != 1 || found[0].Revision != 1 || found[0].Attempt != attempt ||
		found[0].MessageID != testkit.Query[string](r.Scene,
			`SELECT message_id FROM attempts WHERE invite_id = $1 AND attempt = $2`, invite, attempt) {
		r.TB.Fatalf("InviteSent: %+v", found)
	}
	return found[0]
}

// onRecord checks the ruling that is recorded for an attempt, and who made it.
func (r *rig) onRecord(invite uuid.UUID, attempt int, ruling store.Ruling, by string) {
	r.TB.Helper()
	if got := testkit.Query[string](r.Scene, `SELECT coalesce(min(decision || ' by ' || decided_by), '')
		FROM held_decisions WHERE invite_id = $1 AND attempt = $2`,
		invite, attempt); got != string(ruling)+" by "+by {
		r.TB.Errorf("on record: %q, want %q by %q", got, ruling, by)
	}
}

func TestAnOperatorRulesThatAHeldMailHasArrived(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.BulkInviteRequested, testkit.BulkOf("c1"))
	r.Must(w.Answers().Rule(r.Ctx, firm, id, store.Arrived, "sam"))
	r.Settled()
	r.sentOnce(id, 1)
	r.onRecord(id, 1, store.Arrived, "sam")
	if o := r.Published(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 || o[0].Selected != 1 {
		t.Errorf("completed: %+v", o)
	}
	if mails := len(r.Mailbox.Messages()); mails != 1 {
		t.Errorf("%d mails", mails)
	}
	for _, ruling := range []store.Ruling{store.Arrived, store.SendAgain} {
		if err := w.Answers().Rule(r.Ctx, firm, id, ruling, "kim"); !errors.Is(err, answer.ErrNotHeld) {
			t.Errorf("a second ruling: %v", err)
		}
	}
	r.onRecord(id, 1, store.Arrived, "sam")
}

func TestAnOperatorHasAHeldMailSentAgain(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.BulkInviteRequested, testkit.BulkOf("c1"))
	if err := w.Answers().Rule(r.Ctx, "other", id, store.SendAgain, "sam"); !errors.Is(err, answer.ErrNotHeld) {
		t.Errorf("by another firm: %v", err)
	}
	// The second attempt is of unknown result as well, days later. It is held again, and gets its own ruling.
	r.Exec(`UPDATE invites SET decided_at = decided_at - interval '80 hours'`)
	r.Mailbox.DropReplies(1)
	r.Must(w.Answers().Rule(r.Ctx, firm, id, store.SendAgain, "sam"))
	r.Attempted(2)
	r.held()
	r.Must(w.Answers().Rule(r.Ctx, firm, id, store.SendAgain, "kim"))
	r.Settled()
	r.sentOnce(id, 3)
	r.onRecord(id, 1, store.SendAgain, "sam")
	r.onRecord(id, 2, store.SendAgain, "kim")
	mails := r.Mailbox.Messages()
	for _, m := range mails {
		if m.MessageID != mails[0].MessageID || r.TokenIn(m) != r.TokenIn(mails[0]) {
			t.Errorf("a copy is a different mail: %s and %s", m.MessageID, mails[0].MessageID)
		}
	}
	if o := r.Published(events.RunCompleted); len(mails) != 3 || len(o) != 1 || o[0].Sent != 1 {
		t.Errorf("%d mails; completed: %+v", len(mails), o)
	}
}

func TestOnlyTheFirstOfSeveralRulingsCounts(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.InviteRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- w.Answers().Rule(r.Ctx, firm, id, store.Arrived, "sam") }()
	}
	first := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			first++
		} else if !errors.Is(err, answer.ErrNotHeld) {
			t.Error(err)
		}
	}
	if first != 1 {
		t.Errorf("%d rulings counted, want 1", first)
	}
	r.Settled()
	r.sentOnce(id, 1)
}

func TestOpeningTheLinkOfAHeldMailProvesThatItArrived(t *testing.T) {
	t.Parallel()
	r, w := newHoldingRig(t)
	id := r.loses(events.BulkInviteRequested, testkit.BulkOf("c1"))
	token := r.TokenIn(r.Mailbox.Messages()[0])
	if peeked, err := w.Answers().Peek(r.Ctx, firm, token); err != nil || peeked.Result != answer.LinkOpened ||
		testkit.Query[string](r.Scene, oneHeld) != id.String() {
		t.Errorf("peeked: %+v, %v", peeked, err)
	}
	if redeemed, err := w.Answers().Redeem(r.Ctx, firm, token); err != nil || redeemed.Result != answer.LinkOpened ||
		!redeemed.First {
		t.Fatalf("opened: %+v, %v", redeemed, err)
	}
	r.Settled()
	r.sentOnce(id, 1)
	r.onRecord(id, 1, store.Arrived, "the link was opened")
	if o := r.Published(events.InviteAccepted); len(o) != 1 || o[0].InviteID != id.String() || o[0].Revision != 1 {
		t.Errorf("accepted: %+v", o)
	}
	if o := r.Published(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 {
		t.Errorf("completed: %+v", o)
	}
}

// The old link is the valid one until the newer mail is known to have arrived: because its link was opened, or by a
// ruling.
func TestAHeldResendReplacesTheLinkOnceItIsKnownToHaveArrived(t *testing.T) {
	t.Parallel()
	for name, arrive := range map[string]func(r *rig, w *pipeline.Worker, id uuid.UUID, token string) error{
		"by its link": func(r *rig, w *pipeline.Worker, _ uuid.UUID, token string) error {
			redeemed, err := w.Answers().Redeem(r.Ctx, firm, token)
			if err == nil && redeemed.Result != answer.LinkOpened {
				err = errors.New(string(redeemed.Result))
			}
			return err
		},
		"by a ruling": func(r *rig, w *pipeline.Worker, id uuid.UUID, _ string) error {
			return w.Answers().Rule(r.Ctx, firm, id, store.Arrived, "sam")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w := newHoldingRig(t)
			r.Invite("c1", testkit.Contact("dana"))
			r.Settled()
			id := r.loses(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
			mails := r.Mailbox.Messages()
			old, newer := r.TokenIn(mails[0]), r.TokenIn(mails[1])
			is := func(token string, want answer.Redemption) {
				t.Helper()
				if peeked, err := w.Answers().Peek(r.Ctx, firm, token); err != nil || peeked.Result != want {
					t.Errorf("the link is %s, %v; want %s", peeked.Result, err, want)
				}
			}
			is(old, answer.LinkOpened)
			is(newer, answer.LinkOpened)
			r.Must(arrive(r, w, id, newer))
			r.Settled()
			r.sentOnce(id, 1)
			is(old, answer.LinkReplaced)
			is(newer, answer.LinkOpened)
		})
	}
}

func TestALaterResendReleasesAHeldInvite(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"invite", "resend"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r, w := newHoldingRig(t)
			if mode == "resend" {
				r.Invite("c1", testkit.Contact("dana"))
				r.Settled()
			}
			id := r.loses(events.BulkInviteRequested, testkit.With(testkit.BulkOf("c1"), "mode", mode))
			r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
			r.Settled()
			r.sentOnce(id, 1)
			r.onRecord(id, 1, store.Arrived, "a resend has been sent since")
			mails := r.Mailbox.Messages()
			newest := len(mails) - 1
			for i, want := range []answer.Redemption{answer.LinkReplaced, answer.LinkOpened} {
				if peeked, err := w.Answers().Peek(r.Ctx, firm, r.TokenIn(mails[newest-1+i])); err != nil || peeked.Result != want {
					t.Errorf("the link of mail %d is %s, %v; want %s", newest-1+i, peeked.Result, err, want)
				}
			}
			if o := r.Published(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 {
				t.Errorf("completed: %+v", o)
			}
		})
	}
}

func TestAHeldInviteIsSkippedIfTheRulesAllowNoMailAnyMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(r *rig)
		reason  string
	}{
		"the access is removed": {func(r *rig) {
			r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Contact("dana")))
		}, "access_removed"},
		"the contact is removed": {func(r *rig) { r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "dana"}) },
			"email_missing"},
		"the client is removed": {func(r *rig) { r.Publish(events.ClientRemoved, testkit.Object{"client_id": "c1"}) },
			"client_not_found"},
		"the client is archived": {func(r *rig) {
			r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c1", "*dana"), "active", false))
		}, "client_inactive"},
		"the mail has come back": {func(r *rig) {
			r.Publish(events.EmailSuppressed, testkit.Object{"email": "dana@example.com", "cause": "bounce"})
		}, "email_suppressed"},
		"the person has logged in": {func(r *rig) {
			r.Publish(events.PortalAccessGranted, testkit.Object{
				"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()})
		}, "already_has_access"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newHoldingRig(t)
			r.loses(events.BulkInviteRequested, testkit.BulkOf("c1"))
			c.happens(r)
			r.Settled()
			if o := r.Newest()["c1/dana"]; o.Type != events.InviteSkipped || o.Reason != c.reason {
				t.Errorf("%s", o.Raw)
			}
			if o := r.Published(events.RunCompleted); len(o) != 1 || o[0].Skipped != 1 || o[0].Sent != 0 {
				t.Errorf("completed: %+v", o)
			}
			if mails := len(r.Mailbox.Messages()); mails != 1 {
				t.Errorf("%d mails", mails)
			}
		})
	}
}

func TestHeldInvitesAreSentAgainOnceTheSettingIsResend(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stopInvites, stopBulk := r.StartWorker(pipeline.NewInviteWorker(r.holding())),
		r.StartWorker(pipeline.NewBulkWorker(r.holding()))
	r.Office(1)
	id := r.loses(events.BulkInviteRequested, testkit.BulkAll())
	stopInvites()
	stopBulk()
	r.StartBoth() // they have the default setting, resend
	r.Settled()
	r.sentOnce(id, 2)
	r.onRecord(id, 1, store.SendAgain, "INVITE_ON_UNKNOWN=resend")
	if o := r.Published(events.RunCompleted); len(o) != 1 || o[0].Sent != 1 {
		t.Errorf("completed: %+v", o)
	}
}
