package facts

import (
	"fmt"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Project adds the state that a fact carries to the states that will be written.
func Project(facts *store.Facts, e events.Event) error {
	at := store.Position(e.Place())
	switch data := e.Data.(type) {
	case *events.Firm:
		facts.Firm(rules.Firm{
			ID: e.Firm, Name: data.Name, PortalURL: data.PortalURL, ReplyTo: data.ReplyTo, LogoURL: data.LogoURL,
			Color: data.BrandColor, Locale: data.Locale, Licenses: data.Licenses, RemindAfter: data.RemindAfter(),
			Zone: rules.Location(data.TimeZone), Sender: data.Sender, OfficeLocale: data.OfficeLocale,
			Hours: data.Hours(), Limits: data.Limits(), LeftOut: leftOut(data),
			InviteAgain: data.OnEmailChange == events.InviteAgain, Declines: data.Decline,
		}, at)
	case *events.Client:
		client := rules.Client{ID: data.ClientID, Kind: rules.ClientKind(data.Kind), Name: data.Name, Active: data.IsActive()}
		for _, c := range data.Contacts {
			client.Contacts = append(client.Contacts, rules.ClientContact(c))
		}
		facts.Client(e.Firm, client, at)
	case *events.RemovedClient:
		facts.ClientRemoved(e.Firm, data.ClientID, at)
	case *events.Contact:
		facts.Contact(e.Firm, rules.Contact{
			ID: data.ContactID, Name: data.Name, Email: address.Parse(data.Email), Locale: data.Locale,
			LeftOut: leftOut(data),
		}, at)
	case *events.RemovedContact:
		facts.ContactRemoved(e.Firm, data.ContactID, at)
	// An access, what contacts have, a person, a mail: see applyAccess, applyOne, applyErasure, applyReports.
	case *events.Grant, *events.Merge, *events.Erasure, *events.MailReport:

	case *events.Suppression:
		if e.Type == events.EmailUnsuppressed {
			facts.Unsuppression(e.Firm, address.Parse(data.Email).Normal, data.Cause, e.Time, at)
		} else {
			facts.Suppression(e.Firm, address.Parse(data.Email).Normal, data.Cause, e.Time, at)
		}
	case *events.Template:
		facts.Template(e.Firm, data.TemplateID, data.Name, data.Body, at)
	case *events.RemovedTemplate:
		facts.TemplateRemoved(e.Firm, data.TemplateID, at)
	case *events.Request, *events.BulkRequest, *events.ReplayRequest, *events.Instruction, *events.Schedule:
		return fmt.Errorf("no projection for %s", e.Type)
	}
	return nil
}

// leftOut returns the fields of a fact that were left out, each with what is wrong with it.
func leftOut(data events.Data) (list []string) {
	for _, field := range events.LeftOut(data) {
		list = append(list, field.Error())
	}
	return list
}
