package rules_test

import (
	"fmt"
	"time"

	"portal-invites/internal/rules"
)

// A firm invites a contact in bulk. The first answer has every rule that fails, with what to do about each. After the
// two fixes the answer is: send. Once that decision is reserved, the same question has another answer.
func ExampleBook_Decide() {
	contact := &rules.Contact{ID: "P-1", Name: "Dana Wu"}
	client := &rules.Client{
		ID: "C-1", Kind: rules.Business, Name: "Blue Bottle LLC", Active: true,
		Contacts: []rules.ClientContact{{ContactID: contact.ID}},
	}
	book := rules.NewBook()
	book.Firms["acme"] = &rules.Firm{ID: "acme", Name: "Acme Tax"}
	book.Clients[rules.ClientKey{FirmID: "acme", ClientID: client.ID}] = client
	book.Contacts[rules.ContactKey{FirmID: "acme", ContactID: contact.ID}] = contact

	ask := rules.Ask{
		FirmID: "acme", ClientID: client.ID, Recipient: rules.Recipient{ContactID: contact.ID},
		Process: rules.Bulk, Kind: rules.Invite, InviteID: "I-1",
	}
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	policy := rules.Policy{InviteTTL: rules.DefaultInviteTTL, ResendCooldown: rules.DefaultResendCooldown}

	decision := book.Decide(ask, now, policy)
	for _, reason := range decision.Reasons {
		fmt.Printf("%s: %s\n  %s\n", reason.Code, reason.Explanation, reason.Remedy)
	}

	client.Contacts[0].Primary = true
	contact.Email = rules.Email{Written: "dana@bluebottle.example", Normal: "dana@bluebottle.example"}
	decision = book.Decide(ask, now, policy)
	fmt.Println("send:", decision.Send(), decision.Person)

	book.Reserve(ask, decision, now, policy)
	ask.InviteID = "I-2"
	decision = book.Decide(ask, now, policy)
	fmt.Println("send:", decision.Send(), decision.Reason(), "settled:", decision.Settled())

	// Output:
	// no_primary_contact: Bulk invites go to Primary contacts only, and Blue Bottle LLC has none.
	//   Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.
	// email_missing: Dana Wu has no email address.
	//   Add an email to Dana Wu.
	// send: true contact:P-1
	// send: false already_invited settled: true
}
