package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/announce"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

func TestAnAnnouncerPublishesOnlyWhatADeadWorkerHasNotPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dead, heir := uuid.New(), r.ByHand(store.IndividualLane, r.Config())
	_, err := r.Store.Lease(r.Ctx, dead, "dead", time.Hour)
	r.Must(err)
	rows := make([]store.Outbound, 3)
	for i, id := range []string{"published", "not-published", "published-too"} {
		rows[i] = store.Outbound{
			Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: id, Time: time.Now(),
			Data: json.RawMessage(`{}`),
		}
	}
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error { return tx.AppendOutbox(r.Ctx, dead, rows) }))
	for _, i := range []int{0, 2} {
		msg, err := announce.Outgoing(rows[i]).Message()
		r.Must(err)
		msg.Header.Set(nats.MsgIdHdr, "portal-invites/"+rows[i].EventID) // as an older version wrote it
		r.Must(events.Publish(r.Ctx, r.JS, []*nats.Msg{msg}))
	}
	r.Must(r.Store.EndLease(r.Ctx, dead))
	took, err := r.Store.TakeOver(r.Ctx, store.Heir{ID: heir.ID})
	r.Must(err)
	if took.Events != 3 {
		t.Fatalf("took over %d events, want 3", took.Events)
	}

	a := heir.Announcer
	inherited, err := r.Store.Outbox(r.Ctx, heir.ID, 0, 10)
	r.Must(err)
	missing, err := a.WithoutStored(r.Ctx, inherited)
	r.Must(err)
	if len(missing) != 1 || missing[0].EventID != "not-published" {
		t.Errorf("not published yet: %+v", missing)
	}
	if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM outbox`); left != 1 {
		t.Errorf("%d rows left in the outbox, want 1", left)
	}

	_, err = a.Step(r.Ctx)
	r.Must(err)
	if size := r.StreamSize(events.OutcomesStream); size != 3 {
		t.Errorf("%d outcomes on the stream, want 3", size)
	}
	if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM outbox`); left != 0 {
		t.Errorf("%d rows left in the outbox, want 0", left)
	}
}

// An event may be committed after another one that was written later and is published already.
func TestAnOutcomeThatIsCommittedLateIsAnnounced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.ByHand(store.IndividualLane, r.Config())
	a := w.Announcer
	appendOne := func(tx *store.Tx, id string) error {
		return tx.AppendOutbox(r.Ctx, w.ID, []store.Outbound{{
			Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: id, Time: time.Now(),
			Data: json.RawMessage(`{}`),
		}})
	}
	transact := func(fn func(*store.Tx) error) error {
		defer a.Begin()()
		return r.Store.Tx(r.Ctx, fn)
	}
	announced := func(want int) {
		t.Helper()
		_, err := a.Step(r.Ctx)
		r.Must(err)
		if size := r.StreamSize(events.OutcomesStream); size != uint64(want) {
			t.Fatalf("%d outcomes on the stream, want %d", size, want)
		}
	}
	r.Must(transact(func(late *store.Tx) error {
		if err := appendOne(late, "late"); err != nil {
			return err
		}
		if err := transact(func(tx *store.Tx) error { return appendOne(tx, "early") }); err != nil {
			return fmt.Errorf("write early: %w", err)
		}
		announced(1)
		return nil
	}))
	announced(2)
}

// otherDatabase is a past in which the database has been restored.
type otherDatabase struct{ announce.Past }

func (p otherDatabase) Databases() int64 { return p.Past.Databases() + 1 }

// A database that was restored gives ids a second time, and what has them is announced at once.
func TestAnAnnouncerReadsARestoredDatabaseFromTheBeginning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.ByHand(store.IndividualLane, r.Config())
	announced := func(id string) {
		t.Helper()
		r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
			return tx.AppendOutbox(r.Ctx, w.ID, []store.Outbound{{
				Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: id, Time: time.Now(),
				Data: json.RawMessage(`{}`),
			}})
		}))
		n, err := w.Announcer.Step(r.Ctx)
		r.Must(err)
		if n != 1 {
			t.Errorf("%d events announced, want %s", n, id)
		}
	}
	announced("one")
	announced("two")
	r.Exec(`SELECT setval(pg_get_serial_sequence('outbox', 'outbox_id'), 1, false)`)
	w.Announcer.Past = otherDatabase{w.Announcer.Past}
	announced("three")
	announced("four")
}

// An operator has to know which stream did not take the outcomes, and why.
func TestAnErrorNamesTheStreamAndTheCause(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.ByHand(store.IndividualLane, r.Config())
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
		return tx.AppendOutbox(r.Ctx, w.ID, []store.Outbound{{
			Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: "one", Time: time.Now(),
			Data: json.RawMessage(`{}`),
		}})
	}))
	for range 2 { // the second time, the worker first looks for what the first one may have published
		r.Must(r.JS.DeleteStream(r.Ctx, events.OutcomesStream)) // the announcer has made it again
		_, err := w.Announcer.Step(r.Ctx)
		if err == nil || !strings.Contains(err.Error(), "the stream INVITE_OUTCOMES") || !events.Away(err) {
			t.Errorf("without the stream: %v", err)
		}
	}
	late := announce.NotInTime(r.Ctx, fmt.Errorf("publish: %w", context.DeadlineExceeded))
	if !strings.Contains(late.Error(), "has not acknowledged them within 30s") || !events.Away(late) {
		t.Errorf("after the time for a batch: %v", late)
	}
	ended, end := context.WithCancel(r.Ctx)
	end()
	if err := announce.NotInTime(ended, context.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) ||
		strings.Contains(err.Error(), "acknowledged") {
		t.Errorf("when the worker stops: %v", err)
	}
}

// Somebody removes the stream of outcomes while workers run. The announcer creates it again, and publishes.
func TestARemovedStreamOfOutcomesIsMadeAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.UpsertContact("k", "Kay", "kay@example.com")
	r.Settled() // the worker has found all streams
	r.Must(r.JS.DeleteStream(r.Ctx, events.OutcomesStream))
	r.Invite("c", testkit.Contact("k"))
	r.Settled()
	if published := r.Published(events.InviteSkipped); len(published) != 1 {
		t.Errorf("published again: %+v", published)
	}
}

// A worker's connections may go by a proxy, and outlive the database that was restored. Then the worker learns from the
// mark, which never sinks.
func TestAnAnnouncerNoticesALowerMark(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.ByHand(store.IndividualLane, r.Config())
	announced := func(id string) error {
		r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
			return tx.AppendOutbox(r.Ctx, w.ID, []store.Outbound{{
				Subject: "portal.outcomes.acme.InviteSent", Type: string(events.InviteSent), EventID: id, Time: time.Now(),
				Data: json.RawMessage(`{}`),
			}})
		}))
		_, err := w.Announcer.Step(r.Ctx)
		return err
	}
	r.Must(announced("a"))
	r.Must(announced("b"))
	if mark := testkit.Query[int](r.Scene, `SELECT last_sequence FROM outcome_streams`); mark != 2 {
		t.Errorf("the mark is %d, want 2", mark)
	}
	r.Exec(`UPDATE outcome_streams SET last_sequence = 1`)
	if err := announced("c"); !errors.Is(err, store.ErrWentBack) {
		t.Errorf("the mark is lower: %v", err)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("%d outcomes are left in the outbox, want 1", n)
	}
}
