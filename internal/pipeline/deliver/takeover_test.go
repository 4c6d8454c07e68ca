package deliver_test

import (
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

func TestTheWorkOfADeadWorkerIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(20)
	stop := r.StartInvites()
	r.Handled(events.FactsDurable)
	stop()
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())

	// The first worker dies with a leased run, claimed invites, and outcomes that it has not published yet.
	dead := r.ByHand(store.BulkLane, r.Config())
	r.Dies(dead, func() {
		r.StartRuns(dead, 1)
		if worked, err := r.Runs(dead).Walk(r.Ctx); err != nil || !worked {
			t.Fatalf("no run was walked: %v", err)
		}
		r.Exec(`UPDATE runs SET worker_id = $1`, dead.ID) // it dies before it returns the run
		r.takes(dead, 8)
	})
	if held := testkit.Query[int](r.Scene, `SELECT count(*) FROM outbox WHERE worker_id = $1`, dead.ID); held == 0 {
		t.Fatal("the dead worker has left no outcomes")
	}

	r.StartBulk()
	r.StartBulk() // one of the two takes over
	r.StartInvites()
	r.Settled()
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts
		WHERE verdict = 'unknown' AND attempt = 1`); n != 8 {
		t.Errorf("%d attempts of the dead worker are on record as unknown, want 8", n)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts
		WHERE verdict = 'delivered' AND attempt = 2`); n != 8 {
		t.Errorf("%d invites went out at the second attempt, want 8", n)
	}
	if mails := len(r.Mailbox.Messages()); mails != 19 {
		t.Errorf("%d mails, want 19", mails)
	}
	if o := r.Completed(id); o.Selected != 20 || o.Sent != 19 {
		t.Errorf("completed: %s", o.Raw)
	}
}

func TestADeadWorkersMailsAreHeldIfTheOperatorWantsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.OnUnknown = pipeline.HoldUnknown
	dead := r.ByHand(store.IndividualLane, cfg)
	r.Mailbox.Down()
	stop := r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.Office(1)
	r.Invite("c0", testkit.Contact("k0"))
	r.Attempted(1)
	stop()
	r.Due()
	r.Dies(dead, func() { r.takes(dead, 1) })
	took, err := r.Store.TakeOver(r.Ctx, store.Heir{ID: uuid.New(), Hold: true})
	if err != nil || took.Invites != 1 {
		t.Fatalf("%+v, %v", took, err)
	}
	if held := testkit.Query[bool](r.Scene, `SELECT held_at IS NOT NULL FROM invites WHERE state = 'queued'`); !held {
		t.Error("the invite is not held")
	}
}

// A worker that was taken for dead but lives must not settle invites that another worker has taken over.
func TestAWorkerThatWasTakenForDeadSettlesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.StartInvites()
	r.Office(1)
	r.Handled(events.FactsDurable)
	r.Mailbox.Down()
	r.Invite("c0", testkit.Contact("k0"))
	r.Attempted(1)
	stop()
	r.Due()
	slow := r.ByHand(store.IndividualLane, r.Config())
	d := slow.Delivery
	r.Dies(slow, func() { r.takes(slow, 1) })
	if _, err := r.Store.TakeOver(r.Ctx, store.Heir{ID: uuid.New()}); err != nil {
		t.Fatal(err)
	}
	d.Ended(d.Next(), mail.Result{})
	r.Must(d.Record(r.Ctx))
	state := testkit.Query[string](r.Scene, `SELECT state FROM invites`)
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM outbox`); state != "queued" || n != 0 {
		t.Errorf("the invite is %s, and %d outcomes are in the outbox", state, n)
	}
	r.Mailbox.Up()
	r.StartBoth()
	r.Settled()
}

// While a worker is paused, its lease runs out. When it wakes it may renew its lease before it looks at what it had
// claimed. That may be another worker's by now, so none of it is mailed.
func TestAWorkerThatWasPausedMailsNothingThatItHadClaimed(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 1)
	w, d := r.byHand(r.Config())
	r.Must(r.decide(w, r.request(0)))
	if d.Handed() != 1 {
		t.Fatalf("%d invites are with the mailers, want 1", d.Handed())
	}
	r.Exec(`UPDATE workers SET lease_until = now() - interval '1 second' WHERE worker_id = $1`, w.ID)
	r.Must(w.TakeLease(r.Ctx))
	r.Must(d.Leave(r.Ctx))
	if mails, queued := len(r.Mailbox.Messages()), r.inState(store.Queued); mails != 0 || queued != 1 {
		t.Errorf("%d mails left, and %d invites are queued again; want 0 and 1 (deliver/send.go)", mails, queued)
	}
	if !d.Stopped().IsZero() {
		t.Error("the lane has stopped, although nobody asked the mail server (deliver/breaker.go)")
	}
	r.Must(r.Store.EndLease(r.Ctx, w.ID))
	r.Due()
	r.StartInvites()
	r.Settled()
	if mails := len(r.Mailbox.Messages()); mails != 1 {
		t.Errorf("%d mails in the end, want 1", mails)
	}
}

// After an outage of the database, all leases have run out, and every worker lives. The first one to renew its lease
// takes over nothing from the others. What the others have mailed would be mailed again.
func TestAfterAnOutageNobodyTakesOverFromTheLiving(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 1)
	living, d := r.byHand(r.Config())
	first := r.ByHand(store.IndividualLane, r.Config())
	r.Must(r.decide(living, r.request(0)))
	r.Exec(`UPDATE workers SET lease_until = now() - interval '1 second'`)
	r.Must(first.TakeLease(r.Ctx))
	r.Must(first.TakeOver(r.Ctx))
	if n := r.inFlight(living.ID); n != 1 {
		t.Errorf("%d invites are still the living worker's, want 1: pipeline/lease.go takes over too early", n)
	}
	r.Must(living.TakeLease(r.Ctx))
	d.Ended(d.Next(), mail.Result{Verdict: mail.Delivered, Step: mail.StepBody, Code: 250})
	r.Must(d.Record(r.Ctx))
	if sent := r.inState(store.Sent); sent != 1 {
		t.Errorf("%d invites are sent, want 1: the living worker has mailed it", sent)
	}
}

// takes claims n invites by hand.
func (r *rig) takes(p pipeline.Parts, n int) {
	r.TB.Helper()
	p.Delivery.Limit(8)
	if _, err := p.Delivery.Take(r.Ctx); err != nil || p.Delivery.Handed() != n {
		r.TB.Fatalf("%d invites taken, want %d: %v", p.Delivery.Handed(), n, err)
	}
}

// If a bulk claim finds less than a run's share in one run, it may leave invites of another run. So it looks again at
// once, and does not wait for the next bell.
func TestABulkClaimLooksAgainAtOnce(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 12)
	r.PublishAll(r.Event(events.BulkInviteRequested, testkit.BulkOf("c0")),
		r.Event(events.BulkInviteRequested, testkit.BulkOf("c2", "c3", "c4", "c5", "c6", "c7")))
	w := r.ByHand(store.BulkLane, r.Config())
	r.Dies(w, func() {
		r.StartRuns(w, 2)
		for range 2 {
			_, err := r.Runs(w).Walk(r.Ctx)
			r.Must(err)
		}
		w.Delivery.Limit(8)
		if worked, err := w.Delivery.Take(r.Ctx); err != nil || !worked || w.Delivery.Handed() != 5 {
			t.Errorf("%d invites taken, %v; %v", w.Delivery.Handed(), worked, err)
		}
	})
	r.StartBulk()
	r.StartInvites()
	r.Settled()
}
