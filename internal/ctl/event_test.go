package ctl

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// emitted publishes an event under a source and an id, and returns its sequence as text.
func (r *rig) emitted(t events.Type, id string, data any) string {
	r.t.Helper()
	subject, err := events.Subject(firm, t)
	r.must(err)
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "crm", ID: id, Time: time.Now(), Data: data}.Message()
	r.must(err)
	acks, err := events.Emit(r.ctx, r.js, []*nats.Msg{msg})
	r.must(err)
	return strconv.FormatUint(acks[0].Sequence, 10)
}

func TestTheStoryOfAnEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.mailbox.Refuse("dana@x.example", 451, [3]int{4, 3, 0}, "greylisted, try later")
	r.emitted(events.InviteRequested, "e1", testkit.InviteData("C-1", testkit.Contact("P-2")))
	// The mail waits: exit code 3, if the command was asked to wait, and what the server said.
	testenv.Eventually(t, wait, func() error {
		got := r.ctl("event", "--firm", firm, "--wait", "1s", "crm", "e1")
		if got.code != app.ExitWaits || !strings.Contains(got.out, "greylisted, try later") {
			return fmt.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
		}
		return nil
	})
	r.mailbox.Accept("dana@x.example")
	r.scene.Exec(`UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
	out := r.ok("event", "--firm", firm, "--wait", "1m", "crm", "e1")
	place := 0
	for _, want := range []string{
		"P-2 Dana Wu on C-1 Blue Bottle LLC: sent", "published: InviteRequested", "attempt 1: retry (451 4.3.0)",
		"greylisted", "attempt 2: delivered", "sent",
	} {
		at := strings.Index(out[place:], want)
		if at < 0 {
			t.Fatalf("%q is missing behind %q in\n%s", want, out[:place], out)
		}
		place += at
	}

	// Somebody is skipped: exit code 1, with the reason and what to do.
	r.emitted(events.InviteRequested, "e2", testkit.InviteData("C-1", testkit.Contact("P-2")))
	got := r.ctl("event", "--firm", firm, "--wait", "1m", "crm", "e2")
	if got.code != app.ExitFailed || !strings.Contains(got.out, "P-2 Dana Wu on C-1 Blue Bottle LLC: skipped") ||
		!strings.Contains(got.out, "→") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if json := r.ok("event", "--firm", firm, "-o", "json", "crm", "e2"); !strings.Contains(json, `"state":"decided"`) {
		t.Errorf("%s", json)
	}
	fact := r.emitted(events.ContactUpserted, "f1", testkit.ContactData("P-2", "Dana Wu", "dana@x.example"))
	out = r.ok("event", "--firm", firm, "--wait", "1m", "--sequence", fact, "crm", "f1")
	if out != "The fact is applied.\n" {
		t.Errorf("%s", out)
	}
	if got := r.ctl("event", "--firm", firm, "crm", "nothing"); got.code != app.ExitFailed ||
		!strings.HasPrefix(got.out, "No worker has seen this event.") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if got := r.ctl("event", "--firm", "mistyped", "crm", "e1"); got.code != app.ExitFailed ||
		!strings.Contains(got.err, "firm mistyped is unknown") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
}

func TestWhatAReceiptEndsWith(t *testing.T) {
	t.Parallel()
	of := func(outcomes ...api.InviteOutcome) (list []api.RunRecipient) {
		for _, o := range outcomes {
			list = append(list, api.RunRecipient{Outcome: o})
		}
		return list
	}
	const sent = api.SentOutcome
	for name, c := range map[string]struct {
		answer api.ReceiptAnswer
		want   error
	}{
		"all sent":          {api.ReceiptAnswer{Done: true, Recipients: of(api.SentOutcome, api.SentOutcome)}, nil},
		"all removed":       {api.ReceiptAnswer{Done: true, Recipients: of(api.RemovedOutcome)}, nil},
		"one skipped":       {api.ReceiptAnswer{Done: true, Recipients: of(sent, api.SkippedOutcome)}, app.ErrReported},
		"one failed":        {api.ReceiptAnswer{Done: true, Recipients: of(api.FailedOutcome)}, app.ErrReported},
		"skipped and waits": {api.ReceiptAnswer{Recipients: of(api.PendingOutcome, api.SkippedOutcome)}, app.ErrReported},
		"one waits":         {api.ReceiptAnswer{Recipients: of(api.SentOutcome, api.PendingOutcome)}, app.ErrWaits},
		"stored":            {api.ReceiptAnswer{State: api.EventStored}, app.ErrWaits},
		"a dead letter":     {api.ReceiptAnswer{State: api.EventDeadLetter, Done: true}, app.ErrReported},
		"a fact":            {api.ReceiptAnswer{State: api.EventApplied, Done: true}, nil},
		"a run with a skip": {api.ReceiptAnswer{Done: true, Run: &api.ReceiptRun{Sent: 3, Skipped: 1}}, app.ErrReported},
		"a run":             {api.ReceiptAnswer{Done: true, Run: &api.ReceiptRun{Sent: 3}}, nil},
	} {
		if got := ReceiptError(c.answer); got != c.want { //nolint:errorlint // these are the values themselves
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
