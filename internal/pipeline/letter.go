package pipeline

import (
	"encoding/json"
	"fmt"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

// letter is what an invite's mail says, apart from what belongs to the attempt.
type letter struct {
	invitation mail.Invitation
	replyTo    string
}

// newLetter gathers the words of a mail from the request and today's facts.
func newLetter(book *rules.Book, c candidate) (letter, error) {
	var request events.Request // a bulk request has the same fields, as far as a mail is concerned
	if err := json.Unmarshal(c.request.Data, &request); err != nil {
		return letter{}, fmt.Errorf("read request %s: %w", c.request.ID, err)
	}
	firm := book.Firms[c.ask.FirmID]
	client := book.Clients[rules.ClientKey{FirmID: c.ask.FirmID, ClientID: c.ask.ClientID}]
	if firm == nil || client == nil {
		return letter{}, fmt.Errorf("invite %s passed the rules without its firm or client", c.invite.ID)
	}
	item, dueOn := subjectOf(&request)
	message := ""
	if request.Message != nil {
		message = request.Message.Text
	}
	if id := c.ask.TemplateID; id != "" {
		message = book.Templates[rules.TemplateKey{FirmID: c.ask.FirmID, TemplateID: id}]
	}
	return letter{
		replyTo: firm.ReplyTo,
		invitation: mail.Invitation{
			Firm: mail.Firm{
				Name: firm.Name, PortalURL: firm.PortalURL, ReplyTo: firm.ReplyTo, LogoURL: firm.LogoURL, BrandColor: firm.Color,
			},
			Design: mail.Design(c.ask.Process), Reminder: c.ask.Kind == rules.Resend,
			ClientName: client.Name, RequestedBy: request.RequestedBy,
			ItemName: item, DueOn: dueOn, Message: message,
		},
	}, nil
}
