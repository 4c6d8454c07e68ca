package pipeline

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

func TestInviteIDsBeginWithTheRequestsTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 17, 0, 0, 123_456_789, time.UTC)
	dana := rules.Recipient{ContactID: "dana"}
	id := func(event string, at time.Time) uuid.UUID {
		return inviteID(store.Request{ID: requestID(firm, "s", event), Time: at, TimedIDs: true}, "c1", dana, 1)
	}
	first := id("e1", at)
	if first.Version() != 8 || first.Variant() != uuid.RFC4122 {
		t.Errorf("version %d, variant %s", first.Version(), first.Variant())
	}
	if first != id("e1", at.Truncate(time.Microsecond)) {
		t.Error("the id differs from that by the time as Postgres keeps it")
	}
	if other := id("e2", at); other == first || !bytes.Equal(other[:6], first[:6]) {
		t.Errorf("two requests of one moment: %s and %s", first, other)
	}
	for name, later := range map[string]time.Duration{"a millisecond": time.Millisecond, "a year": 8760 * time.Hour, "200 years": 200 * 8760 * time.Hour} {
		if next := id("e1", at.Add(later)); bytes.Compare(first[:], next[:]) >= 0 {
			t.Errorf("%s later: %s is not behind %s", name, next, first)
		}
	}
	if ancient := id("e1", time.Time{}); !bytes.Equal(ancient[:6], make([]byte, 6)) {
		t.Errorf("of the year 1: %s", ancient)
	}
}

// danaAndLee publishes a client with two contacts, of whom Lee has no email.
func (r *rig) danaAndLee() {
	r.t.Helper()
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "")
	r.client("c1", "*dana", "lee")
}

// A request that was put on record before there were timed ids keeps the ids that its invites have.
func TestARequestFromBeforeTimedIDsFindsItsInvites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.danaAndLee()
	request, bulk := uuid.NewString(), uuid.NewString()
	for id, kind := range map[string]events.Type{request: events.InviteRequested, bulk: events.BulkInviteRequested} {
		r.recordedBefore(id, kind)
	}
	publish := func() {
		r.publishAs(request, events.InviteRequested, inviteData("c1", contact("dana"), contact("lee"), added("max@example.com", "Max")))
		r.publishAs(bulk, events.BulkInviteRequested, bulkAll())
	}
	publish()
	r.startBoth()
	r.settled()
	old := store.Request{ID: requestID(firm, "test", request)}
	for name, who := range map[string]rules.Recipient{
		"Dana": {ContactID: "dana"}, "Lee": {ContactID: "lee"}, "Max": {Email: address.Parse("max@example.com"), Name: "Max"},
	} {
		id := inviteID(old, "c1", who, 1)
		if id.Version() != 5 || !query[bool](r, `SELECT EXISTS (SELECT FROM invites WHERE invite_id = $1)`, id) {
			t.Errorf("%s has no invite %s", name, id)
		}
	}
	before := r.state()
	if before.mails != 2 || before.invites != 5 {
		t.Fatalf("before it came again: %+v", before)
	}
	publish()
	r.settled()
	if after := r.state(); after != before {
		t.Errorf("published again: %+v, before %+v", after, before)
	}
	r.contact("lee", "Lee Ray", "lee@example.com")
	publish()
	r.settled()
	if after := r.state(); after.mails != before.mails+1 || after.invites != before.invites {
		t.Errorf("once Lee can be invited: %+v, before %+v", after, before)
	}
}

// recordedBefore is what a worker from before there were timed ids has put on record of a request.
func (r *rig) recordedBefore(id string, kind events.Type) {
	r.t.Helper()
	data := `{"client_id": "c1", "mode": "invite", "selection": {"all_clients": true}, "requested_by": "Lee"}`
	_, err := r.db.Exec(r.ctx, `
		INSERT INTO requests (request_id, firm_id, source, event_id, type, data, time, trace_parent, trace_state, stream, sequence)
		VALUES ($1, $2, 'test', $3, $4, $5, now() - interval '1 day', '', '', now(), 1)`,
		requestID(firm, "test", id), firm, id, string(kind), data)
	r.must(err)
}

// An event's identity settles its invites, whatever time it comes with.
func TestAnEventWithAnotherTimeFindsItsInvites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.danaAndLee()
	r.startBoth()
	request := uuid.NewString()
	publish := func(at time.Time) {
		data := with(inviteData("c1", contact("dana"), contact("lee")), "file", object{"id": "f1", "name": "Return.pdf"})
		r.publishAll([]*nats.Msg{r.scene().Message(request, at, events.FileShared, data)})
	}
	publish(time.Now())
	r.settled()
	before := r.state()
	for _, at := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(-8760 * time.Hour), time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC)} {
		publish(at)
		r.settled()
		if after := r.state(); after != before || after.invites != 2 {
			t.Errorf("at %s: %+v, before %+v", at, after, before)
		}
	}
}
