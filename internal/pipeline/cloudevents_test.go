package pipeline_test

import (
	"context"
	"testing"
	"time"

	jsprotocol "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// The CloudEvents Go SDK publishes an event in each of its modes, and a third event has plain headers as a shell script
// writes them. Each has one outcome.
func TestEveryWayOfPublishingEndsInOneOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertClient("c1")
	subject, err := events.Subject(firm, events.InviteRequested)
	r.Must(err)
	for name, mode := range map[string]func(context.Context) context.Context{
		"binary": binding.WithForceBinary, "structured": binding.WithForceStructured,
	} {
		sender, err := jsprotocol.NewSenderFromConn(r.NC, events.EventsStream, subject, nil)
		r.Must(err)
		client, err := cloudevents.NewClient(sender)
		r.Must(err)
		e := cloudevents.NewEvent()
		e.SetID(name)
		e.SetSource("sdk")
		e.SetType(events.InviteRequested.CE())
		e.SetTime(time.Now())
		r.Must(e.SetData(cloudevents.ApplicationJSON, testkit.InviteData("c1", testkit.Added(name+"@example.com", name))))
		if result := client.Send(mode(r.Ctx), e); cloudevents.IsUndelivered(result) {
			t.Fatal(result)
		}
	}
	plain := nats.NewMsg(subject)
	for name, value := range map[string]string{
		"CE-SpecVersion": "1.0", "ce-id": "plain", "ce-source": "shell", "ce-type": "portal.InviteRequested.v1",
		"ce-time":      "2026-03-02T09:30:00Z",
		"content-type": "application/json",
	} {
		plain.Header[name] = []string{value}
	}
	plain.Data = []byte(`{"client_id": "c1", "requested_by": "Lee",
		"recipients": [{"email": "plain@example.com", "name": "Plain"}]}`)
	_, err = r.JS.PublishMsg(r.Ctx, plain)
	r.Must(err)
	r.Settled()
	causes := map[string]int{}
	for _, o := range r.Published(events.InviteSent) {
		causes[o.Cause.ID]++
	}
	if causes["binary"] != 1 || causes["structured"] != 1 || causes["plain"] != 1 || len(r.Published()) != 3 {
		t.Errorf("outcomes by cause: %v", causes)
	}
	if n := r.StreamSize(events.DeadLettersStream); n > 0 {
		t.Errorf("dead letters: %v", r.DeadLetters())
	}
}
