package ledger

import (
	"encoding/json"
	"fmt"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Draft has the words of an invite's mail, without the parts that belong to an attempt.
type Draft struct {
	Invitation mail.Invitation
	ReplyTo    string
	Unwritable error // why the mail can't be composed; only this invite fails
}

// NewDraft takes a mail's words from the request and today's facts. It is for the person of the candidate's question
// ([rules.Ask].Person). The error says what is missing or can't be read.
func NewDraft(book *rules.Book, c Candidate) (Draft, error) {
	request, err := readRequest(c.Request)
	if err != nil {
		return Draft{}, err
	}
	firm := book.Firms[c.Ask.FirmID]
	client := book.Clients[rules.ClientKey{FirmID: c.Ask.FirmID, ClientID: c.Ask.ClientID}]
	if firm == nil || client == nil {
		return Draft{}, fmt.Errorf("invite %s passed the rules without its firm or client", c.Invite.ID)
	}
	item, dueOn, err := request.Item(events.Type(c.Request.Type))
	if err != nil {
		return Draft{}, fmt.Errorf("read request %s: %w", c.Request.ID, err)
	}
	message := ""
	if request.Message != nil {
		message = request.Message.Text
	}
	if id := c.Ask.TemplateID; id != "" {
		message = book.Templates[rules.TemplateKey{FirmID: c.Ask.FirmID, TemplateID: id}]
	}
	return Draft{
		ReplyTo: address.Trim(firm.ReplyTo), // trimmed as it was when the fact was checked
		Invitation: mail.Invitation{
			Firm: mail.Firm{
				Name: firm.Name, PortalURL: firm.PortalURL, ReplyTo: firm.ReplyTo, LogoURL: firm.LogoURL, BrandColor: firm.Color,
				Declines: firm.Declines,
			},
			Unexpected: c.Ask.Process == rules.Bulk || c.Ask.Kind == rules.Resend || c.Ask.Person.ContactID() == "",
			Process:    c.Ask.Process, Reminder: c.Ask.Kind == rules.Resend && !isFirstMail(book, c.Ask),
			Expiring: c.expiring, Together: c.together,
			Languages: languagesFor(book, c.Ask), Zone: firm.Zone,
			ClientName: client.Name, RequestedBy: request.RequestedBy,
			ItemName: item, DueOn: dueOn, Message: message, NoContact: c.Ask.Person.ContactID() == "",
		},
	}, nil
}

// isFirstMail says whether no mail has left for the access yet, as when an invite is resent while the mail server is
// down. Then the resend's mail reminds nobody.
func isFirstMail(book *rules.Book, ask rules.Ask) bool {
	access := book.Accesses[rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: ask.Person}]
	return access != nil && access.Waits != ""
}

// languagesFor returns the languages to write in, best first: the contact's, then the firm's. A person who was added by
// email has no language of their own.
func languagesFor(book *rules.Book, ask rules.Ask) []string {
	firms := book.Firms[ask.FirmID].Locale
	contact := book.Contacts[rules.ContactKey{FirmID: ask.FirmID, ContactID: ask.Person.ContactID()}]
	if contact != nil {
		return []string{contact.Locale, firms}
	}
	return []string{firms}
}

// readRequest decodes a stored request. A bulk request is decoded as one, because it may have an unknown field whose
// name is a field of another type in other requests.
func readRequest(r store.Request) (*events.Request, error) {
	var request events.Request
	var err error
	if events.Type(r.Type) == events.BulkInviteRequested {
		var bulk events.BulkRequest
		err = json.Unmarshal(r.Data, &bulk)
		request.RequestedBy, request.Message = bulk.RequestedBy, bulk.Message
	} else {
		err = json.Unmarshal(r.Data, &request)
	}
	if err != nil {
		return nil, fmt.Errorf("read request %s: %w", r.ID, err)
	}
	return &request, nil
}
