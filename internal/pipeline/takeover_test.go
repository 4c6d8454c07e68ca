package pipeline

import (
	"testing"
	"time"

	"portal-invites/internal/events"
)

// dies has a worker begin its lease, do something and never be heard of again.
func (r *rig) dies(w *Worker, after func()) {
	r.t.Helper()
	r.must(r.store.Lease(r.ctx, w.id, w.name, time.Minute))
	after()
	_, err := r.db.Exec(r.ctx, `UPDATE workers SET lease_until = now() - interval '1 second' WHERE worker_id = $1`, w.id)
	r.must(err)
}

func TestWhatADeadWorkerHeldIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office(20)
	stop := r.start(NewInviteWorker(r.config()))
	r.handled(events.FactsDurable)
	stop()
	id := r.publish(events.BulkInviteRequested, bulkAll())

	// The first one dies with a run leased, invites that it said it would send, and outcomes it had not announced yet.
	dead := NewBulkWorker(r.config())
	r.dies(dead, func() {
		c := &consumer{Worker: dead, durable: events.BulkDurable, size: runsBatch, handle: dead.startRuns}
		if _, err := c.step(r.ctx); err != nil {
			t.Fatal(err)
		}
		run, err := r.store.LeaseRun(r.ctx, dead.id)
		r.must(err)
		r.must(dead.turn(r.ctx, run))
		d := dead.newDelivery()
		d.window.limit = 8
		if _, err := d.take(r.ctx); err != nil || len(d.jobs) != 8 {
			t.Fatalf("%d invites taken, %v", len(d.jobs), err)
		}
	})
	if held := query[int](r, `SELECT count(*) FROM outbox WHERE worker_id = $1`, dead.id); held == 0 {
		t.Fatal("the dead worker has nothing left to announce")
	}

	r.start(NewBulkWorker(r.config()))
	r.start(NewBulkWorker(r.config())) // two heirs: one of them takes it
	r.start(NewInviteWorker(r.config()))
	r.settled()
	if n := query[int](r, `SELECT count(*) FROM attempts WHERE verdict = 'unknown' AND attempt = 1`); n != 8 {
		t.Errorf("%d attempts of the dead worker are on record as unknown, want 8", n)
	}
	if n := query[int](r, `SELECT count(*) FROM attempts WHERE verdict = 'delivered' AND attempt = 2`); n != 8 {
		t.Errorf("%d invites went out at the second attempt, want 8", n)
	}
	if mails := len(r.mailbox.Messages()); mails != 19 {
		t.Errorf("%d mails, want 19", mails)
	}
	if o := r.completed(id); o.Selected != 20 || o.Sent != 19 {
		t.Errorf("completed: %s", o.Raw)
	}
}

func TestADeadWorkersMailsAreHeldWhereTheOperatorWantsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.config()
	cfg.OnUnknown = HoldUnknown
	dead := NewInviteWorker(cfg)
	r.mailbox.Down()
	stop := r.start(NewInviteWorker(cfg))
	r.office(1)
	r.invite("c0", contact("k0"))
	r.attempted(1)
	stop()
	r.due()
	r.dies(dead, func() {
		d := dead.newDelivery()
		d.window.limit = 8
		if _, err := d.take(r.ctx); err != nil || len(d.jobs) != 1 {
			t.Fatalf("%d invites taken, %v", len(d.jobs), err)
		}
	})
	took, err := r.store.TakeOver(r.ctx, NewInviteWorker(cfg).id, true)
	if err != nil || took.Invites != 1 {
		t.Fatalf("%+v, %v", took, err)
	}
	if held := query[bool](r, `SELECT held_at IS NOT NULL FROM invites WHERE state = 'queued'`); !held {
		t.Error("the invite is not held")
	}
}

// A worker that was taken for dead and lives after all must not settle what has gone to another one.
func TestAWorkerThatWasTakenForDeadSettlesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.start(NewInviteWorker(r.config()))
	r.office(1)
	r.handled(events.FactsDurable)
	r.mailbox.Down()
	r.invite("c0", contact("k0"))
	r.attempted(1)
	stop()
	r.due()
	slow := NewInviteWorker(r.config())
	d := slow.newDelivery()
	d.window.limit = 8
	r.dies(slow, func() {
		if _, err := d.take(r.ctx); err != nil || len(d.jobs) != 1 {
			t.Fatalf("%d invites taken, %v", len(d.jobs), err)
		}
	})
	if _, err := r.store.TakeOver(r.ctx, NewInviteWorker(r.config()).id, false); err != nil {
		t.Fatal(err)
	}
	if err := d.recordAll(r.ctx, []result{{job: <-d.jobs}}); err != nil {
		t.Fatal(err)
	}
	if state, n := query[string](r, `SELECT state FROM invites`), query[int](r, `SELECT count(*) FROM outbox`); state != "queued" || n != 0 {
		t.Errorf("the invite is %s, and %d outcomes are to be announced", state, n)
	}
	r.mailbox.Up()
	r.startBoth()
	r.settled()
}
