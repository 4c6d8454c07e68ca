package api

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// A caller names a reply subject that the caller may not publish to, and the worker may. The worker does nothing.
func TestAWorkerAnswersOnlyWhereAnswersGo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.serve(pipeline.NewInviteWorker)
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	redeem := []byte(`{"token":"` + r.token(r.inviteOf("c1", "dana")) + `"}`)
	had := r.scene().StreamSize(events.EventsStream)
	for _, reply := range []string{
		"$JS.API.STREAM.DELETE." + events.OutcomesStream, "$JS.API.STREAM.DELETE." + events.DeadLettersStream,
		"$JS.API.STREAM.PURGE." + events.EventsStream, "$JS.API.CONSUMER.DELETE.PORTAL_EVENTS.facts", "$SRV.PING",
		"portal.facts.victim.FirmUpserted", "portal.outcomes.victim.InviteSent", "portal.api.v1.victim.redeem",
		"", // nobody would hear the answer
	} {
		r.must(r.nc.PublishMsg(&nats.Msg{Subject: Subject(acme, RedeemEndpoint), Reply: reply, Data: redeem}))
		r.must(r.nc.PublishMsg(&nats.Msg{Subject: Subject(acme, StatusEndpoint), Reply: reply, Data: []byte("x")}))
	}
	// Each endpoint takes its calls in their order, so it has taken those before once it answers this.
	_, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: "none"})
	r.must(err)
	_, err = r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1"})
	r.must(err)
	stop()

	for _, stream := range []string{events.EventsStream, events.OutcomesStream, events.DeadLettersStream} {
		_, err := r.js.Stream(r.ctx, stream)
		r.must(err)
	}
	if has := r.scene().StreamSize(events.EventsStream); has != had {
		t.Errorf("%s has %d messages, had %d", events.EventsStream, has, had)
	}
	if state := testkit.Query[string](r.scene(), `SELECT state FROM access`); state != "invited" {
		t.Errorf("a call that can't be answered has opened the link: the access is %s", state)
	}
	if sent, accepted := r.published(events.InviteSent), r.published(events.InviteAccepted); sent != 1 || accepted != 0 {
		t.Errorf("%d invites are said to be sent, and %d to be accepted", sent, accepted)
	}
}

func TestReplySubjects(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]bool{
		nats.NewInbox(): true, "_INBOX.a.b": true, "answers.acme": true, "portals": true, "_INBOX.portal.facts": true,
		"": false, "$JS.ACK.PORTAL_EVENTS.facts.1.1.1.1.1": false, "$": false, "$SYS.REQ.SERVER.PING": false,
		"portal.facts.acme.FirmUpserted": false, "portal.": false,
	} {
		if answerable(reply) != want {
			t.Errorf("a worker answers to %q: %v, want %v", reply, !want, want)
		}
	}
}

// Not a line for each call: whoever floods a worker with them must not fill its log.
func TestALineIsWrittenOnceAMinuteForEachFirm(t *testing.T) {
	t.Parallel()
	var s seldom
	now := time.Unix(0, 0)
	for _, step := range []struct {
		firm   string
		after  time.Duration
		due    bool
		before int
	}{
		{acme, 0, true, 0}, {acme, time.Second, false, 0}, {"other", 0, true, 0}, {acme, 57 * time.Second, false, 0},
		{acme, 2 * time.Second, true, 2}, {acme, time.Second, false, 0},
	} {
		now = now.Add(step.after)
		if before, due := s.due(step.firm, now); due != step.due || before != step.before {
			t.Errorf("%s at %s: due %v after %d, want %+v", step.firm, now.UTC(), due, before, step)
		}
	}
	for n := range 3 * mostSeldom {
		s.due(strings.Repeat("f", n%60)+string(bytes.Repeat([]byte("g"), n/60)), now)
	}
	if len(s.lines) > mostSeldom+1 {
		t.Errorf("%d firms are remembered", len(s.lines))
	}
}
