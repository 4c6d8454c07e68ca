package recovery_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/recovery"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// A backup is restored that is older than the stream. Nothing is mailed and nothing is published, whether the workers
// run all the time or start afterwards.
func TestWorkersStandStillAfterTheDatabaseWentBack(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"while they run": true, "before they start": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			stopInvites, stopBulk := r.StartInvites(), r.StartBulk()
			r.Office(4)
			r.Invite("c0", testkit.Contact("k0"))
			r.Settled()
			restore := testenv.BackUp(t, r.DatabaseURL)
			r.Invite("c2", testkit.Contact("k2"))
			r.Settled()
			mails, outcomes := len(r.Mailbox.Messages()), r.StreamSize(events.OutcomesStream)
			if !running {
				stopInvites()
				stopBulk()
			}
			restore()
			r.Reset(testkit.Durables()...)
			r.Invite("c3", testkit.Contact("k3"))
			r.Publish(events.BulkInviteRequested, testkit.BulkAll())
			if !running {
				r.StartBoth()
			}
			r.logged(2, "the database was restored to an earlier moment")
			if n := len(r.Mailbox.Messages()) - mails; n != 0 {
				t.Errorf("%d mails left after the database went back", n)
			}
			if n := r.StreamSize(events.OutcomesStream) - outcomes; n != 0 {
				t.Errorf("%d outcomes were published after the database went back", n)
			}
			// An operator gives up what the database does not know. So c2's mail leaves once more.
			r.Must(r.Store.ForgetOutcomeMarks(r.Ctx))
			r.logged(2, "the database knows all outcomes of the stream again")
			r.Scene.Settled()
			if n := len(r.Mailbox.Messages()) - mails; n != 2 {
				t.Errorf("%d mails left after the workers went on, want 2", n)
			}
		})
	}
}

// row makes an outcome that could be in the outbox.
func row(id string) store.Outbound {
	return store.Outbound{
		Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: id, Time: time.Now(),
		Data: json.RawMessage(`{}`),
	}
}

// put publishes an outcome as a worker does. copied leaves out the id by which the stream recognises a copy.
func (r *rig) put(o store.Outbound, copied bool) {
	r.TB.Helper()
	msg, err := events.Outgoing{
		Subject: o.Subject, Type: events.Type(o.Type), Source: events.OutcomeSource, ID: o.EventID, Time: o.Time,
		Data: events.Encoded(o.Data),
	}.Message()
	r.Must(err)
	if copied {
		msg.Header.Del(nats.MsgIdHdr)
	}
	_, err = r.JS.PublishMsg(r.Ctx, msg)
	r.Must(err)
}

func (r *rig) append(worker uuid.UUID, rows ...store.Outbound) {
	r.TB.Helper()
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error { return tx.AppendOutbox(r.Ctx, worker, rows) }))
}

// announce publishes outcomes, and deletes them from the outbox.
func (r *rig) announce(ids ...string) {
	r.TB.Helper()
	worker := uuid.New()
	for _, id := range ids {
		r.append(worker, row(id))
		r.put(row(id), false)
	}
	stream, last, err := events.OutcomeStream(r.Ctx, r.JS)
	r.Must(err)
	rows, err := r.Store.Outbox(r.Ctx, worker, 0, len(ids))
	r.Must(err)
	reached := store.OutcomeMark{Stream: stream, Sequence: last}
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
		return tx.Announced(r.Ctx, worker, rows, reached, store.OutcomeMark{})
	}))
}

func TestWhatIsNormalIsNoRestoredPast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.admits(r.watch()); err != nil {
		t.Errorf("before anything was published: %v", err)
	}
	r.announce("a", "b")
	if err := r.admits(r.watch()); err != nil {
		t.Errorf("after outcomes were published: %v", err)
	}
	if mark := testkit.Query[int](r.Scene, `SELECT last_sequence FROM outcome_streams`); mark != 2 {
		t.Errorf("the mark is %d", mark)
	}
	// Another worker has published these, and died or is about to delete them from the outbox.
	r.append(uuid.New(), row("c"), row("d"))
	r.put(row("c"), false)
	if err := r.admits(r.watch()); err != nil {
		t.Errorf("while another worker publishes: %v", err)
	}
	// A process stood still while others published in its place. It publishes the same again, too late for the stream.
	late := row("b")
	r.put(late, true)
	if err := r.admits(r.watch()); err != nil {
		t.Errorf("with a late copy: %v", err)
	}
	// Workers from before the mark publish while the new ones start.
	r.put(row("from an older worker"), false)
	r.Exec(`INSERT INTO ledger (id, judged_from) VALUES (gen_random_uuid(), now() + interval '1 minute')
		ON CONFLICT (only_row) DO UPDATE SET judged_from = excluded.judged_from`)
	if err := r.admits(r.watch()); err != nil {
		t.Errorf("with an outcome of an older worker: %v", err)
	}
	r.Exec(`UPDATE ledger SET judged_from = '-infinity'`)
	if err := r.admits(r.watch()); !errors.Is(err, store.ErrWentBack) {
		t.Errorf("with an outcome of nobody: %v", err)
	}
}

func TestAnOutcomeThatTheDatabaseNeverHadIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.announce("a")
	for range 1500 { // more than one reading has
		r.append(uuid.New(), row(uuid.NewString())) // nobody deletes them
	}
	for _, id := range r.outbox() {
		r.put(row(id), false)
	}
	lost := row("lost")
	r.put(lost, false)
	worker := r.watch()
	err := r.admits(worker)
	var found recovery.WentBackError
	if !errors.As(err, &found) || found.Known != 1 || found.First != 1502 {
		t.Errorf("found: %v", err)
	}
	if !store.Away(err) || !strings.Contains(err.Error(), "at sequence 1502") {
		t.Errorf("it says: %v", err)
	}
	if err := r.admits(worker); !errors.Is(err, store.ErrWentBack) {
		t.Errorf("the second time: %v", err)
	}
	// The same database without the outcome's stream has nothing to compare.
	r.Must(r.JS.DeleteStream(r.Ctx, events.OutcomesStream))
	if err := r.admits(r.watch()); err != nil {
		t.Errorf("without the stream: %v", err)
	}
}

func (r *rig) outbox() []string {
	r.TB.Helper()
	return testkit.Query[[]string](r.Scene, `SELECT array_agg(event_id ORDER BY outbox_id) FROM outbox`)
}
