package pipeline_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// longWait is one way in which a run's mails wait for days.
type longWait struct {
	begin func(r *rig, run string)
	end   func(r *rig, run string)
}

func longWaits() map[string]longWait {
	instruct := func(typ events.Type, want string) func(*rig, string) {
		return func(r *rig, run string) {
			r.TB.Helper()
			if got := r.Tell(typ, run, "Ann"); got != want {
				r.TB.Fatalf("%s: %q, want %q", typ, got, want)
			}
		}
	}
	return map[string]longWait{
		"a paused run": {
			instruct(events.RunPauseRequested, "done: paused"), instruct(events.RunResumeRequested, "done: resumed"),
		},
		"a paused firm": {pauseLane(""), resumeLane("")},
		"a paused lane": {pauseLane(store.BulkLane), resumeLane(store.BulkLane)},
	}
}

func pauseLane(lane store.Lane) func(*rig, string) {
	return func(r *rig, _ string) {
		r.TB.Helper()
		r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
			paused, err := tx.PauseFirm(r.Ctx,
				store.Pause{FirmID: r.Firm, Lane: lane, Cause: store.PausedByOperator, By: "Ann", Reason: "why"})
			if err == nil && !paused {
				err = errors.New("it was paused before")
			}
			return err
		}))
	}
}

func resumeLane(lane store.Lane) func(*rig, string) {
	return func(r *rig, _ string) {
		r.TB.Helper()
		r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
			resumed, err := tx.ResumeFirm(r.Ctx, r.Firm, lane, "Ann", "why")
			if err == nil && !resumed {
				err = errors.New("it was not paused")
			}
			return err
		}))
	}
}

// A run waits for five days. Afterwards it has all its time left: nobody fails because of the days, and the links last
// as long as ever. The rules are asked anew, and nobody is mailed outside the firm's hours.
func TestPausedTimeCostsNobodyTheirChance(t *testing.T) {
	t.Parallel()
	for name, way := range longWaits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, c := newRig(t), newCalendar()
			cfg := r.Config()
			cfg.Now, cfg.RetryFor = c.now, 72*time.Hour
			cfg.Policy = rules.Policy{InviteTTL: 30 * day}
			w := pipeline.NewInviteWorker(cfg)
			r.StartWorker(w)
			r.Office(6)
			r.Handled(events.FactsDurable)
			r.Mailbox.Down() // so that all of it waits
			r.StartWorker(pipeline.NewBulkWorker(cfg))
			id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
			run := r.RunOf(id)
			r.Decided(6)
			r.withoutServer() // nothing is claimed
			way.begin(r, run)
			r.Mailbox.Up()
			r.Mailbox.Refuse("k2@example.com", 451, [3]int{4, 3, 0}, "try again later")
			r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c3", "*k3"), "active", false))
			r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "k4"})
			begin := time.Now().UTC().Add(6 * time.Hour).Truncate(time.Hour)
			r.Publish(events.FirmUpserted, asleepUntil(begin))
			r.Handled(events.FactsDurable)
			begin = begin.Add(5 * day)
			c.comes(5)
			testenv.Eventually(t, time.Minute, func() error {
				if opens := testkit.Query[time.Time](r.Scene, `SELECT coalesce(opens_at, now()) FROM firms`); !opens.Equal(begin) {
					return fmt.Errorf("the hours begin at %v, want %v", opens, begin)
				}
				return nil
			})
			way.end(r, run)
			for at, want := range map[time.Time]bool{c.now(): false, begin.Add(-time.Second): false, begin: true} {
				if due, err := r.Store.AnyDue(r.Ctx, store.Queue{Lane: store.BulkLane}, at); err != nil || due != want {
					t.Errorf("at %v mails are due: %v (%v); the hours begin at %v", at, due, err, begin)
				}
			}
			if n := len(r.Mailbox.Messages()); n != 0 {
				t.Errorf("%d mails have left at night", n)
			}
			r.UpsertFirm() // has no hours any more
			r.leftOf("acme", 2)
			r.Attempted(3)
			r.Mailbox.Accept("k2@example.com")
			testenv.Eventually(t, time.Minute, func() error {
				r.Due()
				if n := len(r.Mailbox.Messages()); n != 3 {
					return fmt.Errorf("%d mails have left, want 3", n)
				}
				return nil
			})
			r.Settled()
			if o := r.Completed(id); o.Sent != 3 || o.Failed != 0 || o.ByReason["client_inactive"] != 1 || o.Skipped != 3 {
				t.Errorf("completed: %s", o.Raw)
			}
			for _, k := range []rules.Person{"contact:k0", "contact:k2", "contact:k5"} {
				if state, until := r.statusOf(k, c); state != rules.Invited || until != 35 {
					t.Errorf("%s is %s until day %d, want invited until day 35", k, state, until)
				}
			}
			c.comes(34)
			if got := r.linkIn(w, 0); got != answer.LinkOpened {
				t.Errorf("on day 34 the link is %s", got)
			}
			c.comes(36)
			r.Await(r.Outcomes(), 3, events.InviteExpired)
			r.Audit()
		})
	}
}
