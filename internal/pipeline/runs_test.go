package pipeline_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

func TestARunSelectsWhatItsRequestNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	for _, id := range []string{"a", "b", "c", "d"} {
		r.UpsertContact(id, "Kay "+id, id+"@example.com")
		r.UpsertClient("c-"+id, "*"+id)
	}
	r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c-b", "*b"), "kind", "individual"))
	r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c-c", "*c"), "active", false))
	r.Publish(events.ClientRemoved, testkit.Object{"client_id": "c-d"})
	r.UpsertClient("c-nobody")
	for _, want := range []struct {
		name      string
		selection testkit.Object
		selected  int
		sent      int
		reasons   map[string]int
	}{
		{name: "nobody of that kind", selection: testkit.Object{"client_ids": []string{"c-nobody"}}, selected: 1,
			reasons: map[string]int{"client_has_no_contacts": 1}},
		{name: "named: twice, missing, removed, archived",
			selection: testkit.Object{"client_ids": []string{"c-a", "c-none", "c-a", "c-d", "c-c", "c-nobody"}},
			selected:  5, sent: 1, reasons: map[string]int{
				"client_not_found": 2, "client_inactive": 1, "client_has_no_contacts": 1}},
		{name: "one kind", selection: testkit.Object{"all_clients": true, "kind": "individual"}, selected: 1, sent: 1},
		{name: "all; two are invited already", selection: testkit.Object{"all_clients": true}, selected: 3,
			reasons: map[string]int{"already_invited": 2, "client_has_no_contacts": 1}},
	} {
		id := r.Publish(events.BulkInviteRequested, testkit.Bulk(want.selection))
		r.Settled()
		completed := r.Completed(id)
		if completed.Selected != want.selected || completed.Sent != want.sent ||
			!maps.Equal(completed.ByReason, want.reasons) {
			t.Errorf("%s: %s", want.name, completed.Raw)
		}
	}
}

func TestARunOverNobodyCompletes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	if o := r.Completed(id); o.Selected != 0 || o.Pending != 0 || o.ByReason == nil {
		t.Errorf("completed: %s", o.Raw)
	}
	if n := len(r.Published()); n != 1 {
		t.Errorf("%d outcomes", n)
	}
}

func TestASmallRunDoesNotWaitForALargeOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const large, small = 2000, 10
	r.UpsertFirm()
	var facts []*nats.Msg
	var last []string
	for n := range large + small {
		id, client := fmt.Sprintf("k%05d", n), fmt.Sprintf("c%05d", n)
		kind := "business"
		if n >= large {
			kind, last = "individual", append(last, client)
		}
		facts = append(facts, r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay", id+"@example.com")),
			r.Event(events.ClientUpserted, testkit.With(testkit.ClientData(client, "*"+id), "kind", kind)))
	}
	r.PublishAll(facts...)
	r.StartInvites() // projects the facts
	r.Handled(events.FactsDurable)
	r.Publish(events.BulkInviteRequested, testkit.Bulk(testkit.Object{"all_clients": true, "kind": "business"}))
	r.StartBulk()
	out := r.Outcomes()
	r.Await(out, 1, events.InviteSent)
	id := r.Publish(events.BulkInviteRequested, testkit.BulkOf(last...))
	completed := r.Await(out, 1, events.RunCompleted)[0]
	if completed.Cause.ID != id || completed.Sent != small {
		t.Errorf("completed first: %s", completed.Raw)
	}
	if sent := testkit.Query[int](r.Scene, `SELECT sent FROM runs ORDER BY created_at LIMIT 1`); sent > large/4 {
		t.Errorf("the large run had sent %d of %d by the time the small one was done", sent, large)
	}
}

// A worker stops in the middle of a run. The mails that were on their way have arrived and are published, its lease is
// gone, and another worker goes on from there.
func TestAStoppedWorkerLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	const clients, mailed = 400, 399 // far more than leave before the worker stops
	r.Office(clients)
	cfg := r.Config()
	cfg.ProgressEvery = time.Millisecond
	stop := r.StartWorker(pipeline.NewBulkWorker(cfg))
	out := r.Outcomes()
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Await(out, 10, events.InviteSent)
	stop()

	mails, sent := len(r.Mailbox.Messages()), len(r.Published(events.InviteSent))
	if mails != sent || mails == mailed {
		t.Errorf("stopped after %d mails, and %d are published", mails, sent)
	}
	for what, sql := range map[string]string{
		"invites being sent": `SELECT count(*) FROM invites WHERE state = 'sending'`,
		"attempts open":      `SELECT count(*) FROM attempts WHERE finished_at IS NULL OR verdict = 'unknown'`,
		"runs leased":        `SELECT count(*) FROM runs WHERE worker_id IS NOT NULL`,
		"events unpublished": `SELECT count(*) FROM outbox`,
		"leases":             `SELECT count(*) FROM workers WHERE name = 'bulk-worker' AND lease_until > now()`,
	} {
		if n := testkit.Query[int](r.Scene, sql); n != 0 {
			t.Errorf("the stopped worker leaves %d %s", n, what)
		}
	}
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Settled()
	if o := r.Completed(id); o.Selected != clients || o.Sent != mailed {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.Mailbox.Messages()); mails != mailed {
		t.Errorf("%d mails", mails)
	}
	if published := r.Published(events.RunProgressed); len(published) < 3 {
		t.Errorf("%d RunProgressed, want at least 3", len(published))
	}
}

// A bulk request may have fields that this version does not know, also fields that mean something in other requests.
func TestAnUnknownFieldStopsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(1)
	r.Publish(events.BulkInviteRequested, testkit.With(
		testkit.With(testkit.BulkAll(), "recipients", "everybody"), "file", 7))
	if _, err := r.Mailbox.Wait(r.Ctx, 1); err != nil {
		t.Fatal(err)
	}
	r.Settled()
}
