package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// emitted publishes an event under an id, and returns its place in the stream.
func (r *rig) emitted(firm string, t events.Type, id string, data any) uint64 {
	r.t.Helper()
	subject, err := events.Subject(firm, t)
	r.must(err)
	msg, err := events.Outgoing{
		Subject: subject, Type: t, Source: "crm", ID: id, Time: time.Now(), Data: data,
	}.Message()
	r.must(err)
	acks, err := events.Emit(r.ctx, r.js, []*nats.Msg{msg})
	r.must(err)
	return acks[0].Sequence
}

func (r *rig) receipt(request ReceiptRequest) ReceiptAnswer {
	r.t.Helper()
	request.Source = "crm"
	answer, err := r.client.Receipt(r.ctx, acme, request)
	r.must(err)
	return answer
}

// The receipt of a request has each recipient, in the order of the request.
func TestTheReceiptOfARequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	at := r.emitted(acme, events.InviteRequested, "e1", named("c1", "lee", "dana"))
	got := r.receipt(ReceiptRequest{ID: "e1", Sequence: at, Wait: "1m"})
	if got.State != EventDecided || !got.Done || len(got.Recipients) != 2 || got.Type != events.InviteRequested ||
		got.Sequence != at {
		t.Fatalf("%+v", got)
	}
	lee, dana := got.Recipients[0], got.Recipients[1]
	if lee.Recipient.ContactID != "lee" || lee.Outcome != SkippedOutcome || lee.Reason != "email_missing" ||
		lee.Reasons[0].Remedy == "" || dana.Outcome != SentOutcome || dana.SentAt.IsZero() || dana.ClientName == "" {
		t.Errorf("%+v", got.Recipients)
	}
	if again := r.receipt(ReceiptRequest{ID: "e1"}); len(again.Recipients) != 2 || !again.Done {
		t.Errorf("without its sequence: %+v", again)
	}
	for what, request := range map[string]ReceiptRequest{
		"another id": {ID: "e2"}, "another event's place": {ID: "e2", Sequence: at},
	} {
		if got := r.receipt(request); got.State != EventUnknown || got.Done || got.Type != "" || got.Sequence != 0 {
			t.Errorf("%s: %+v", what, got)
		}
	}
	// Another firm learns nothing.
	got, err := r.client.Receipt(r.ctx, "other", ReceiptRequest{Source: "crm", ID: "e1", Sequence: at})
	r.must(err)
	if got.State != EventUnknown || got.Type != "" || got.Recipients != nil || got.Sequence != 0 {
		t.Errorf("another firm: %+v", got)
	}

	r.emitted(acme, events.AccessRemovalRequested, "e3", named("c1", "dana"))
	if got := r.receipt(ReceiptRequest{ID: "e3", Wait: "1m"}); got.State != EventDecided || !got.Done ||
		got.Recipients[0].Outcome != RemovedOutcome || got.Recipients[0].Recipient.ContactID != "dana" {
		t.Errorf("a removal: %+v", got)
	}
	r.emitted(acme, events.BulkInviteRequested, "e4", bulkAll())
	got = r.receipt(ReceiptRequest{ID: "e4", Wait: "1m"})
	if !got.Done || got.Run == nil || got.Run.State != Completed || got.Run.Selected != 5 ||
		got.Run.Selected != got.Run.Sent+got.Run.Skipped+got.Run.Failed+got.Run.Pending {
		t.Errorf("a run: %+v %+v", got, got.Run)
	}

	for begins, request := range map[string]ReceiptRequest{
		"source: missing": {ID: "e1"}, "id: missing": {Source: "crm"}, "wait: must be": {Source: "crm", ID: "e1", Wait: "2h"},
		"locale: must be": {Source: "crm", ID: "e1", Locale: "a language"},
	} {
		_, err := r.client.Receipt(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
}

// A mail that the server does not take yet is pending, with the server's words. Its receipt waits, and then says so.
func TestTheReceiptOfAMailThatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.mailbox.Refuse("dana@example.com", 451, [3]int{4, 3, 0}, "try later")
	r.emitted(acme, events.InviteRequested, "e1", named("c1", "dana"))
	var got ReceiptAnswer
	testenv.Eventually(t, time.Minute, func() error {
		got = r.receipt(ReceiptRequest{ID: "e1", Wait: "100ms"})
		if len(got.Recipients) == 1 && got.Recipients[0].Failure != nil {
			return nil
		}
		return fmt.Errorf("no failure in %+v", got)
	})
	if dana := got.Recipients[0]; got.Done || dana.Outcome != PendingOutcome || dana.Failure.SMTPCode != 451 ||
		dana.NextAttempt.IsZero() || dana.DecidedAt.IsZero() {
		t.Errorf("%+v %+v", got, dana)
	}
	// The call is woken by the outcome: it holds no slot meanwhile, so others are answered.
	done := make(chan ReceiptAnswer, 1)
	go func() {
		answer, err := r.client.Receipt(r.ctx, acme, ReceiptRequest{Source: "crm", ID: "e1", Wait: "1m"})
		if err != nil {
			t.Error(err)
		}
		done <- answer
	}()
	r.mailbox.Accept("dana@example.com")
	_, err := r.db.Exec(r.ctx, `UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
	r.must(err)
	if got := <-done; !got.Done || got.Recipients[0].Outcome != SentOutcome {
		t.Errorf("%+v", got)
	}
}

// A request waits for a fact of its firm. The receipt says for which one. A fact is applied, or older than another one.
func TestTheReceiptOfAFact(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	old := r.emitted(acme, events.ContactUpserted, "f1", testkit.ContactData("lee", "Lee Ray", ""))
	if got := r.receipt(ReceiptRequest{ID: "f1", Sequence: old, Wait: "1m"}); got.State != EventApplied || !got.Done ||
		got.Type != events.ContactUpserted || got.StoredAt.IsZero() {
		t.Errorf("a fact: %+v", got)
	}
	tx, err := r.db.Begin(r.ctx)
	r.must(err)
	_, err = tx.Exec(r.ctx, `LOCK TABLE contacts IN SHARE MODE`) // facts can't be applied now
	r.must(err)
	fact := r.emitted(acme, events.ContactUpserted, "f2", testkit.ContactData("lee", "Lee Ray", "lee@example.com"))
	r.emitted(acme, events.InviteRequested, "e1", named("c1", "lee"))
	got := r.receipt(ReceiptRequest{ID: "e1"})
	if got.State != EventWaits || got.Done || got.WaitsFor == nil || got.WaitsFor.Sequence != fact ||
		got.WaitsFor.Type != events.ContactUpserted {
		t.Errorf("a request behind it: %+v", got)
	}
	for _, sequence := range []uint64{0, fact} {
		if got := r.receipt(ReceiptRequest{ID: "f2", Sequence: sequence}); got.State != EventStored || got.Done {
			t.Errorf("a fact that is not applied, at %d: %+v", sequence, got)
		}
	}
	r.must(tx.Rollback(r.ctx))
	if got := r.receipt(ReceiptRequest{ID: "e1", Wait: "1m"}); !got.Done || got.Recipients[0].Outcome != SentOutcome {
		t.Errorf("later: %+v", got)
	}
	if got := r.receipt(ReceiptRequest{ID: "f2", Sequence: fact, Wait: "1m"}); got.State != EventApplied {
		t.Errorf("the fact: %+v", got)
	}
	if got := r.receipt(ReceiptRequest{ID: "f1", Sequence: old}); got.State != EventOlder || !got.Done {
		t.Errorf("the fact before it: %+v", got)
	}
}

func TestTheReceiptOfADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	at := r.emitted(acme, events.InviteRequested, "e1", object{"client_id": "c1"})
	got := r.receipt(ReceiptRequest{ID: "e1", Sequence: at, Wait: "1m"})
	if got.State != EventDeadLetter || !got.Done || got.Letter == nil || got.Letter.State != LetterOpen ||
		!strings.Contains(got.Letter.Reason, "recipients: missing") {
		t.Fatalf("%+v", got)
	}
	// It is corrected and published again under its id. Its own place has its own receipt.
	corrected := r.emitted(acme, events.InviteRequested, "e1", named("c1", "dana"))
	if got := r.receipt(ReceiptRequest{ID: "e1", Sequence: corrected, Wait: "1m"}); got.State != EventDecided {
		t.Errorf("corrected: %+v", got)
	}
	if got := r.receipt(ReceiptRequest{ID: "e1", Sequence: at}); got.State != EventDeadLetter {
		t.Errorf("the letter: %+v", got)
	}
	// The same id again, for something else: each place has its own receipt.
	first := r.emitted(acme, events.InviteRequested, "e2", named("c1", "dana"))
	r.receipt(ReceiptRequest{ID: "e2", Sequence: first, Wait: "1m"})
	second := r.emitted(acme, events.InviteRequested, "e2", named("c2", "sam"))
	r.settled()
	if got := r.receipt(ReceiptRequest{ID: "e2", Sequence: second}); got.State != EventDeadLetter {
		t.Errorf("the second: %+v", got)
	}
	if got := r.receipt(ReceiptRequest{ID: "e2", Sequence: first}); got.State != EventDecided || got.Letter == nil {
		t.Errorf("the first: %+v", got)
	}
}

// What no worker has taken yet is found in the stream, up to a limit.
func TestTheReceiptOfWhatNobodyHasTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewBulkWorker) // it takes facts and bulk requests
	r.office()
	at := r.emitted(acme, events.InviteRequested, "e1", named("c1", "dana"))
	for _, sequence := range []uint64{0, at} {
		if got := r.receipt(ReceiptRequest{ID: "e1", Sequence: sequence}); got.State != EventStored || got.Sequence != at ||
			got.StoredAt.IsZero() {
			t.Errorf("at %d: %+v", sequence, got)
		}
	}
	if got := r.receipt(ReceiptRequest{ID: "nothing"}); got.State != EventUnknown {
		t.Errorf("%+v", got)
	}
}
