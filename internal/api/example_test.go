package api_test

import (
	"context"
	"errors"
	"fmt"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// A portal asks whether two contacts of a client would be invited, and why not. Nothing is sent or written.
func ExampleClient() {
	conn, stop := api.StartExample() // a portal calls nats.Connect
	defer stop()
	ctx, client := context.Background(), api.NewClient(conn)

	answer, err := client.Explain(ctx, "acme", api.ExplainRequest{
		ClientID:   "c1",
		Recipients: []events.Recipient{{ContactID: "dana"}, {ContactID: "lee"}},
	})
	if err != nil {
		fmt.Println(err) // api.ErrNoService: no worker runs
		return
	}
	for _, r := range answer.Recipients {
		if r.WouldSend {
			fmt.Println(r.Recipient.Name, "would be invited at", r.Recipient.EmailMasked)
			continue
		}
		fmt.Println(r.Recipient.Name, "would be skipped:", r.Reason, "–", r.Reasons[0].Remedy)
	}

	_, err = client.Status(ctx, "acme", api.StatusRequest{InviteID: "89df450c-3dc6-5a63-a5a5-02626de4d7b3"})
	if refused, ok := errors.AsType[*api.Error](err); ok {
		fmt.Println(refused.Code, refused.Message)
	}

	// Output:
	// Dana Wu would be invited at d•••@example.com
	// Lee Ray would be skipped: email_missing – Add an email to Lee Ray.
	// 404 invite_id: this firm has no such invite
}
