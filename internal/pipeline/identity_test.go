package pipeline_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// danaAndLee publishes a client with two contacts. Lee has no email.
func (r *rig) danaAndLee() {
	r.TB.Helper()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "")
	r.UpsertClient("c1", "*dana", "lee")
}

// A request that was stored before there were timed ids keeps the ids of its invites.
func TestARequestFromBeforeTimedIDsFindsItsInvites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.danaAndLee()
	request, bulk := uuid.NewString(), uuid.NewString()
	invite := testkit.InviteData(
		"c1", testkit.Contact("dana"), testkit.Contact("lee"), testkit.Added("max@example.com", "Max"))
	r.recordedBefore(request, events.InviteRequested, invite)
	r.recordedBefore(bulk, events.BulkInviteRequested, testkit.BulkAll())
	publish := func() {
		r.PublishAs(request, events.InviteRequested, invite)
		r.PublishAs(bulk, events.BulkInviteRequested, testkit.BulkAll())
	}
	publish()
	r.StartBoth()
	r.Settled()
	old := store.Request{ID: ledger.RequestID(firm, "test", request)}
	for name, who := range map[string]rules.Recipient{
		"Dana": {ContactID: "dana"}, "Lee": {ContactID: "lee"}, "Max": {Email: address.Parse("max@example.com"), Name: "Max"},
	} {
		id := ledger.InviteID(old, "c1", who, 1)
		there := testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM invites WHERE invite_id = $1)`, id)
		if id.Version() != 5 || !there {
			t.Errorf("%s has no invite %s", name, id)
		}
	}
	before := r.State()
	if before.Mails != 2 || before.Invites != 5 {
		t.Fatalf("before the requests are published again: %+v", before)
	}
	publish()
	r.Settled()
	if after := r.State(); after != before {
		t.Errorf("published again: %+v, before %+v", after, before)
	}
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	publish()
	r.Settled()
	if after := r.State(); after.Mails != before.Mails+1 || after.Invites != before.Invites {
		t.Errorf("once Lee can be invited: %+v, before %+v", after, before)
	}
}

// recordedBefore stores a request as a worker did before there were timed ids.
func (r *rig) recordedBefore(id string, kind events.Type, data testkit.Object) {
	r.TB.Helper()
	_, err := r.DB.Exec(r.Ctx, `
		INSERT INTO requests
			(request_id, firm_id, source, event_id, type, data, time, trace_parent, trace_state, stream, sequence)
		VALUES ($1, $2, 'test', $3, $4, $5, now() - interval '1 day', '', '', now(), 1)`,
		ledger.RequestID(firm, "test", id), firm, id, string(kind), data)
	r.Must(err)
}

// An event's identity determines its invites, whatever time it has when it is published again.
func TestAnEventWithAnotherTimeFindsItsInvites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.danaAndLee()
	r.StartBoth()
	request := uuid.NewString()
	publish := func(at time.Time) {
		data := testkit.With(testkit.InviteData("c1", testkit.Contact("dana"), testkit.Contact("lee")), "file",
			testkit.Object{"id": "f1", "name": "Return.pdf"})
		r.PublishAll(r.Message(request, at, events.FileShared, data))
	}
	publish(time.Now())
	r.Settled()
	before := r.State()
	for _, at := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(-8760 * time.Hour),
		time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC)} {
		publish(at)
		r.Settled()
		if after := r.State(); after != before || after.Invites != 2 {
			t.Errorf("at %s: %+v, before %+v", at, after, before)
		}
	}
}
