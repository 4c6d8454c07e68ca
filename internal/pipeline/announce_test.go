package pipeline

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

func TestAnAnnouncerLooksForWhatADeadWorkerMayHavePublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dead, heir := uuid.New(), NewInviteWorker(r.config())
	r.must(r.store.Lease(r.ctx, dead, "dead", time.Hour))
	rows := make([]store.Outbound, 3)
	for i, id := range []string{"published", "not-published", "published-too"} {
		rows[i] = store.Outbound{
			Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: id, Time: time.Now(), Data: json.RawMessage(`{}`),
		}
	}
	r.must(r.store.Tx(r.ctx, func(tx *store.Tx) error { return tx.AppendOutbox(r.ctx, dead, rows) }))
	for _, i := range []int{0, 2} {
		msg, err := outgoing(rows[i]).Message()
		r.must(err)
		r.must(events.Publish(r.ctx, r.js, []*nats.Msg{msg}))
	}
	r.must(r.store.EndLease(r.ctx, dead))
	took, err := r.store.TakeOver(r.ctx, heir.id, false)
	r.must(err)
	if took.Events != 3 {
		t.Fatalf("took over %d events, want 3", took.Events)
	}

	a := &announcer{Worker: heir}
	inherited, err := r.store.Outbox(r.ctx, heir.id, 0, 10)
	r.must(err)
	missing, err := a.withoutStored(r.ctx, inherited)
	r.must(err)
	if len(missing) != 1 || missing[0].EventID != "not-published" {
		t.Errorf("still to publish: %+v", missing)
	}
	if left := query[int](r, `SELECT count(*) FROM outbox`); left != 1 {
		t.Errorf("%d rows left in the outbox, want 1", left)
	}

	_, err = a.step(r.ctx)
	r.must(err)
	if size := r.streamSize(events.OutcomesStream); size != 3 {
		t.Errorf("%d outcomes on the stream, want 3", size)
	}
	if left := query[int](r, `SELECT count(*) FROM outbox`); left != 0 {
		t.Errorf("%d rows left in the outbox, want 0", left)
	}
}
