package pipeline_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// newOutage starts both workers while the mail server is down, without a cooldown between resends, and publishes a firm
// with Dana and Lee.
func newOutage(t *testing.T) (*rig, *pipeline.Worker) {
	t.Helper()
	r := newRig(t)
	r.Mailbox.Down()
	cfg := r.Config()
	cfg.Policy.ResendCooldown = -time.Minute // none, even if the clocks of the two workers differ
	w := pipeline.NewInviteWorker(cfg)
	r.StartWorker(w)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.danaAndLee()
	return r, w
}

// opens checks that the newest mail to somebody has a link that opens the portal, and returns the mails to them.
func (r *rig) opens(w *pipeline.Worker, to string) (subjects []string) {
	r.TB.Helper()
	newest := ""
	for _, m := range r.Mailbox.Messages() {
		if m.To[0] == to {
			newest, subjects = r.TokenIn(m), append(subjects, m.Subject)
		}
	}
	if newest == "" {
		r.TB.Fatalf("no mail to %s", to)
	}
	if got, err := w.Answers().Redeem(r.Ctx, firm, newest); err != nil || got.Result != answer.LinkOpened {
		r.TB.Errorf("the link of the newest mail to %s: %s (%v)", to, got.Result, err)
	}
	return subjects
}

// The office presses resend while the mail server is down. Once it is back, one mail leaves, and its link works.
func TestAnOutageWithResendsIsOneMail(t *testing.T) {
	t.Parallel()
	r, w := newOutage(t)
	r.Invite("c1", testkit.Contact("dana"))
	r.Decided(1)
	for n := range 4 {
		r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
		r.Decided(n + 2)
	}
	reminder := r.Publish(events.BulkInviteRequested, testkit.With(testkit.BulkOf("c1"), "mode", "resend"))
	r.Decided(7) // it selects Lee, too
	r.withoutServer()
	r.Mailbox.Up()
	r.Settled()
	subjects := r.opens(w, "dana@example.com")
	if want := "Your client portal at Acme CPA is ready"; len(subjects) != 1 || subjects[0] != want {
		t.Errorf("the mails are %q; it is Dana's first mail, so want one %q", subjects, want)
	}
	superseded := 0
	for _, o := range r.Published(events.InviteSkipped) {
		if o.Reason == "superseded" {
			superseded++
		}
	}
	if superseded != 5 {
		t.Errorf("%d mails are superseded, want 5", superseded)
	}
	if o := r.Completed(reminder); o.Sent != 1 || o.Skipped != 1 {
		t.Errorf("the run: %+v", o)
	}
	r.Settled() // until the acceptance is published
	if accepted := r.Published(events.InviteAccepted); len(accepted) != 1 {
		t.Errorf("accepted: %+v", accepted)
	}
}

// If the newest mail can't leave for good, the access ends, although older mails of it were superseded before.
func TestTheNewestMailFailsForGood(t *testing.T) {
	t.Parallel()
	r, _ := newOutage(t)
	r.Mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.Invite("c1", testkit.Contact("dana"))
	r.Decided(1)
	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Decided(2)
	r.withoutServer()
	r.Mailbox.Up()
	r.Settled()
	if failed, skipped := r.Published(events.InviteFailed), r.Published(events.InviteSkipped); len(failed) != 1 ||
		len(skipped) != 1 {
		t.Errorf("failed: %+v, skipped: %+v", failed, skipped)
	}
	if state := testkit.Query[string](r.Scene, `SELECT state FROM access`); state != "expired" {
		t.Errorf("the access is %s, although no mail has left", state)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM logins`); n != 0 {
		t.Error("the login is still reserved")
	}
}

// Somebody who waits in a run is invited individually. That mail leaves at once, and theirs in the run does not.
func TestAnIndividualInviteOvertakesARun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w) // no bulk-worker sends, so the run waits
	r.danaAndLee()
	r.Handled(events.FactsDurable)
	bulk := r.ByHand(store.BulkLane, r.Config())
	run := r.Publish(events.BulkInviteRequested, testkit.BulkOf("c1"))
	r.Dies(bulk, func() {
		r.StartRuns(bulk, 1)
		_, err := r.Runs(bulk).Walk(r.Ctx)
		r.Must(err)
	})
	r.Decided(2)
	request := r.Publish(events.FileShared, testkit.With(testkit.InviteData("c1", testkit.Contact("dana")), "file",
		testkit.Object{"id": "f1", "name": "Return.pdf"}))
	again := r.Invite("c1", testkit.Contact("dana"))
	_, err := r.Mailbox.Wait(r.Ctx, 1)
	r.Must(err)
	r.StartBulk()
	r.Settled()
	reasons := map[string]string{}
	for _, o := range r.Published(events.InviteSent, events.InviteSkipped) {
		if o.Recipient.ContactID == "dana" {
			reasons[o.Cause.ID] = o.Reason
		}
	}
	if want := map[string]string{run: "superseded", request: "", again: "already_invited"}; !maps.Equal(reasons, want) {
		t.Errorf("Dana's outcomes are %v, want %v", reasons, want)
	}
	if subjects := r.opens(w, "dana@example.com"); len(subjects) != 1 {
		t.Errorf("Dana's mails are %q", subjects)
	}
}

// A rate postpones somebody in a run, and they are invited individually. That mail leaves at once, and the run counts
// theirs as superseded.
func TestAnIndividualInviteOvertakesARunThatARatePostpones(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*pipeline.Config){
		"of the lane":   func(c *pipeline.Config) { c.Rate = 1 },
		"of the domain": func(c *pipeline.Config) { c.DomainRate = 0.01 },
	} {
		postponed := map[string]string{ // whom the rate has refused, and nobody tries now
			"of the lane":   `SELECT count(*) FROM invites, lane_rates WHERE state = 'queued' AND granted = 0`,
			"of the domain": `SELECT count(*) FROM invites WHERE state = 'queued' AND next_attempt_at > $1`,
		}[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, c := newRig(t), &clock{}
			c.nanos.Store(time.Now().UnixNano())
			cfg := r.Config()
			cfg.Now = c.now
			slow := cfg
			limit(&slow)
			r.StartWorker(pipeline.NewInviteWorker(cfg))
			r.StartWorker(pipeline.NewBulkWorker(slow))
			r.UpsertFirm()
			for _, id := range []string{"dana", "lee", "kay"} {
				r.UpsertContact(id, "Pat "+id, id+"@example.com")
			}
			r.UpsertClient("c1", "*dana", "*lee", "*kay")
			run := r.Publish(events.BulkInviteRequested, testkit.BulkOf("c1"))
			testenv.Eventually(t, time.Minute, func() error {
				args := []any{c.now()}[:strings.Count(postponed, "$1")]
				if n := testkit.Query[int](r.Scene, postponed, args...); n != 2 {
					return fmt.Errorf("%d invites are postponed, want 2", n)
				}
				return nil
			})
			last := testkit.Query[string](r.Scene, `SELECT substr(person, 9) FROM invites WHERE state = 'queued'
				ORDER BY invite_id LIMIT 1`)
			r.sentFor(r.Invite("c1", testkit.Contact(last)))
			testenv.Eventually(t, time.Minute, func() error {
				c.jump(time.Minute)
				if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM runs WHERE completed_at IS NULL`); n > 0 {
					return errors.New("the run is not complete")
				}
				return nil
			})
			r.Settled()
			if o := r.Completed(run); o.Selected != 3 || o.Sent != 2 || o.ByReason["superseded"] != 1 {
				t.Errorf("the run: %s", o.Raw)
			}
			mails := 0
			for _, m := range r.Mailbox.Messages() {
				if m.To[0] == last+"@example.com" {
					mails++
				}
			}
			if mails != 1 {
				t.Errorf("%d mails to %s, want the one of the individual invite", mails, last)
			}
		})
	}
}

// sentFor waits until the mail of a request has left.
func (r *rig) sentFor(request string) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites JOIN requests USING (request_id)
			WHERE event_id = $1 AND state = 'sent'`, request); n == 0 {
			return fmt.Errorf("no mail has left for %s", request)
		}
		return nil
	})
}

// Nobody is told that somebody was invited to whom no mail has left.
func TestWhoWaitsWasNotInvited(t *testing.T) {
	t.Parallel()
	r, _ := newOutage(t)
	r.Invite("c1", testkit.Contact("dana"))
	r.Decided(1)
	r.Invite("c1", testkit.Contact("dana"))
	r.Decided(2)
	out := r.Outcomes()
	o := r.Await(out, 1, events.InviteSkipped)[0]
	want := "An invite for Dana Wu to the portal of Client c1 was asked for on " +
		time.Now().UTC().Format("January 2, 2006") + " and is waiting to be sent."
	if o.Reason != "already_invited" || o.Reasons[0].Explanation != want {
		t.Errorf("the second invite: %s %q, want %q", o.Reason, o.Reasons[0].Explanation, want)
	}
}
