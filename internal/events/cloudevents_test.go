package events

import (
	"context"
	"testing"
	"time"

	jsprotocol "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
)

// Decode reads the events that the CloudEvents Go SDK sends over its own JetStream protocol, in both modes.
func TestEventsOfTheCloudEventsSDK(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]func(context.Context) context.Context{
		"binary": binding.WithForceBinary, "structured": binding.WithForceStructured,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := runPipelineBroker(t)
			sender, err := jsprotocol.NewSenderFromConn(js.Conn(), EventsStream, subject(t, FileShared), nil)
			if err != nil {
				t.Fatal(err)
			}
			client, err := cloudevents.NewClient(sender)
			if err != nil {
				t.Fatal(err)
			}
			sent := cloudevents.NewEvent()
			sent.SetID("42")
			sent.SetSource("/crm")
			sent.SetType(FileShared.CE())
			sent.SetSubject("clients/k1")
			sent.SetTime(time.Date(2026, 3, 2, 9, 30, 0, 123, time.UTC))
			sent.SetExtension("traceparent", parent)
			if err := sent.SetData(cloudevents.ApplicationJSON, map[string]any{
				"client_id": "k1", "requested_by": "Kim",
				"recipients": []map[string]string{{"contact_id": "dana"}, {"email": "pat@lee.example", "name": "Pat Lee"}},
				"file":       map[string]string{"id": "f1", "name": "2025 return.pdf"},
			}); err != nil {
				t.Fatal(err)
			}
			if result := client.Send(mode(t.Context()), sent); cloudevents.IsUndelivered(result) {
				t.Fatal(result)
			}

			raw := stored(t, js, EventsStream)[0]
			if binary := raw.Header.Get("ce-specversion") != ""; binary != (name == "binary") {
				t.Fatalf("the SDK sent the event in the other mode: %v", raw.Header)
			}
			got := fetch(t, open(t, js, InviteDurable), 1)[0]
			if got.Unreadable != nil {
				t.Fatal(got.Unreadable)
			}
			if got.Firm != "acme" || got.Type != FileShared || got.Source != "/crm" || got.ID != "42" ||
				got.Subject != "clients/k1" {
				t.Errorf("the envelope is %+v", got.Event)
			}
			if !got.Time.Equal(sent.Time()) || got.Trace.Parent != parent {
				t.Errorf("its time is %v, its trace %v", got.Time, got.Trace)
			}
			request, ok := got.Data.(*Request)
			if !ok || request.ClientID != "k1" || len(request.Recipients) != 2 || request.File == nil ||
				request.File.Name != "2025 return.pdf" {
				t.Errorf("data is %+v", got.Data)
			}
		})
	}
}
