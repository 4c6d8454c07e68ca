package events_test

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// A message in binary mode: the envelope is in the headers, and the firm and the type are in the subject.
func ExampleDecode() {
	header := nats.Header{
		"ce-specversion": {"1.0"},
		"ce-id":          {"42"},
		"ce-source":      {"/crm"},
		"ce-type":        {"portal.FileShared.v1"},
		"ce-time":        {"2026-03-02T09:30:00Z"},
	}
	body := `{"client_id": "C-1031", "requested_by": "Maria Lopez", "recipients": [{"contact_id": "P-2037"}],
		"file": {"id": "F-7", "name": "Tax return 2025.pdf"}}`

	event, err := events.Decode("portal.events.acme-cpa.FileShared", header, []byte(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Firm, event.Type, event.Source, event.ID)
	if request, ok := event.Data.(*events.Request); ok {
		fmt.Println(request.Recipients[0].ContactID, request.File.Name)
	}
	// Output:
	// acme-cpa FileShared /crm 42
	// P-2037 Tax return 2025.pdf
}

// If the data does not follow the contract, the error joins all problems. Each names its field.
func ExampleDecode_problems() {
	event, err := events.Decode("portal.facts.acme-cpa.ContactUpserted", nil, []byte(`{
		"specversion": "1.0", "id": "43", "source": "/crm", "type": "portal.ContactUpserted.v1",
		"time": "2026-03-02T09:30:00Z", "data": {"contact_id": "P 2037", "email": "dana.wu@bluebottle.example"}}`))
	fmt.Println(event.Firm, event.ID)
	for _, problem := range events.Problems(err) {
		fmt.Printf("%s %s\n", problem.Field, problem.Problem)
	}
	// Output:
	// acme-cpa 43
	// contact_id has a space or a control character in it
	// name missing
}

// The publisher builds an event with Outgoing. The same firm, source and id are the same event.
func ExampleOutgoing_Message() {
	subject, err := events.Subject("acme-cpa", events.ContactRemoved)
	if err != nil {
		fmt.Println(err)
		return
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: events.ContactRemoved, Source: "/crm", ID: "44",
		Data: events.RemovedContact{ContactID: "P-2037"},
	}.Message()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(msg.Subject, msg.Header.Get("ce-type"), msg.Header.Get(nats.MsgIdHdr))
	fmt.Println(string(msg.Data))
	// Output:
	// portal.facts.acme-cpa.ContactRemoved portal.ContactRemoved.v1 acme-cpa//crm/44
	// {"contact_id":"P-2037"}
}
