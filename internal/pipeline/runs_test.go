package pipeline

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

func TestARunSelectsWhatItsRequestNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.firm()
	for _, id := range []string{"a", "b", "c", "d"} {
		r.contact(id, "Kay "+id, id+"@example.com")
		r.client("c-"+id, "*"+id)
	}
	r.publish(events.ClientUpserted, with(clientData("c-b", "*b"), "kind", "individual"))
	r.publish(events.ClientUpserted, with(clientData("c-c", "*c"), "active", false))
	r.publish(events.ClientRemoved, object{"client_id": "c-d"})
	r.client("c-nobody")
	for _, want := range []struct {
		name      string
		selection object
		selected  int
		sent      int
		reasons   map[string]int
	}{
		{name: "nobody of that kind", selection: object{"client_ids": []string{"c-nobody"}}, selected: 1,
			reasons: map[string]int{"client_has_no_contacts": 1}},
		{name: "named: twice, missing, removed, archived", selection: object{"client_ids": []string{"c-a", "c-none", "c-a", "c-d", "c-c", "c-nobody"}},
			selected: 5, sent: 1, reasons: map[string]int{"client_not_found": 2, "client_inactive": 1, "client_has_no_contacts": 1}},
		{name: "one kind", selection: object{"all_clients": true, "kind": "individual"}, selected: 1, sent: 1},
		{name: "all, of whom two are invited already", selection: object{"all_clients": true}, selected: 3,
			reasons: map[string]int{"already_invited": 2, "client_has_no_contacts": 1}},
	} {
		id := r.publish(events.BulkInviteRequested, bulk(want.selection))
		r.settled()
		completed := r.completed(id)
		if completed.Selected != want.selected || completed.Sent != want.sent || !maps.Equal(completed.ByReason, want.reasons) {
			t.Errorf("%s: %s", want.name, completed.Raw)
		}
	}
}

// completed is what a bulk request's run said in the end.
func (r *rig) completed(id string) outcome {
	r.t.Helper()
	for _, o := range r.told(events.RunCompleted) {
		if o.Cause.ID == id {
			return o
		}
	}
	r.t.Fatalf("the run of %s has not completed", id)
	return outcome{}
}

func TestARunOverNobodyCompletes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	id := r.publish(events.BulkInviteRequested, bulkAll())
	r.settled()
	if o := r.completed(id); o.Selected != 0 || o.Pending != 0 || o.ByReason == nil {
		t.Errorf("completed: %s", o.Raw)
	}
	if n := len(r.told()); n != 1 {
		t.Errorf("%d outcomes", n)
	}
}

func TestASmallRunDoesNotWaitForALargeOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const large, small = 2000, 10
	r.firm()
	var facts []*nats.Msg
	var last []string
	for n := range large + small {
		id, client := fmt.Sprintf("k%05d", n), fmt.Sprintf("c%05d", n)
		kind := "business"
		if n >= large {
			kind, last = "individual", append(last, client)
		}
		facts = append(facts, r.event(events.ContactUpserted, contactData(id, "Kay", id+"@example.com")),
			r.event(events.ClientUpserted, with(clientData(client, "*"+id), "kind", kind)))
	}
	r.publishAll(facts)
	r.start(NewInviteWorker(r.config())) // projects the facts
	r.handled(events.FactsDurable)
	r.publish(events.BulkInviteRequested, bulk(object{"all_clients": true, "kind": "business"}))
	r.start(NewBulkWorker(r.config()))
	out := r.outcomes()
	r.await(out, 1, events.InviteSent)
	id := r.publish(events.BulkInviteRequested, bulkOf(last...))
	completed := r.await(out, 1, events.RunCompleted)[0]
	if completed.Cause.ID != id || completed.Sent != small {
		t.Errorf("completed first: %s", completed.Raw)
	}
	if sent := query[int](r, `SELECT sent FROM runs ORDER BY created_at LIMIT 1`); sent > large/4 {
		t.Errorf("the large run had sent %d of %d by the time the small one was done", sent, large)
	}
}

// A worker is asked to stop in the middle of a run: what was on its way has arrived and is announced, its lease is gone,
// and another one goes on from there.
func TestAStoppedWorkerLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(NewInviteWorker(r.config()))
	const clients, mailed = 400, 399 // far more than leave before the worker is told to stop
	r.office(clients)
	cfg := r.config()
	cfg.ProgressEvery = time.Millisecond
	stop := r.start(NewBulkWorker(cfg))
	out := r.outcomes()
	id := r.publish(events.BulkInviteRequested, bulkAll())
	r.await(out, 10, events.InviteSent)
	stop()

	mails, sent := len(r.mailbox.Messages()), len(r.told(events.InviteSent))
	if mails != sent || mails == mailed {
		t.Errorf("stopped after %d mails, of which %d are announced", mails, sent)
	}
	for what, sql := range map[string]string{
		"invites half sent": `SELECT count(*) FROM invites WHERE state = 'sending'`,
		"attempts open":     `SELECT count(*) FROM attempts WHERE finished_at IS NULL OR verdict = 'unknown'`,
		"runs held":         `SELECT count(*) FROM runs WHERE worker_id IS NOT NULL`,
		"events unsaid":     `SELECT count(*) FROM outbox`,
		"leases":            `SELECT count(*) FROM workers WHERE name = 'bulk-worker' AND lease_until > now()`,
	} {
		if n := query[int](r, sql); n != 0 {
			t.Errorf("the stopped worker leaves %d %s", n, what)
		}
	}
	r.start(NewBulkWorker(cfg))
	r.settled()
	if o := r.completed(id); o.Selected != clients || o.Sent != mailed {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.mailbox.Messages()); mails != mailed {
		t.Errorf("%d mails", mails)
	}
	if told := r.told(events.RunProgressed); len(told) < 3 {
		t.Errorf("%d times was progress told of", len(told))
	}
}

// A run's request may carry fields that this version does not know, also such as mean something in other requests.
func TestAnUnknownFieldHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.office(1)
	r.publish(events.BulkInviteRequested, with(with(bulkAll(), "recipients", "everybody"), "file", 7))
	if _, err := r.mailbox.Wait(r.ctx, 1); err != nil {
		t.Fatal(err)
	}
	r.settled()
}
