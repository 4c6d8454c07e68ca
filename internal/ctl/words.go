package ctl

import (
	"fmt"
	"strings"

	"portal-invites/internal/rules"
)

// phrases are the reasons as the end of a sentence: about one contact, and about many.
var phrases = map[rules.Code][2]string{
	rules.RunCancelled:        {"was in a cancelled run", "were in a cancelled run"},
	rules.PersonErased:        {"was erased", "were erased"},
	rules.FirmNotFound:        {"waits for the firm's settings", "wait for the firm's settings"},
	rules.LicenseRequired:     {"needs a license that the firm lacks", "need a license that the firm lacks"},
	rules.ClientNotFound:      {"is on a client that does not exist", "are on a client that does not exist"},
	rules.ClientInactive:      {"is on an archived client", "are on an archived client"},
	rules.ClientHasNoContacts: {"is a client without contacts", "are clients without contacts"},
	rules.ContactNotFound:     {"does not exist", "do not exist"},
	rules.ContactNotOnClient:  {"is not on the client", "are not on the client"},
	rules.NoPrimaryContact: {"is on a client that has no Primary contact",
		"are on a client that has no Primary contact"},
	rules.ContactNotPrimary:  {"is not Primary", "are not Primary"},
	rules.EmailMissing:       {"has no email", "have no email"},
	rules.EmailInvalid:       {"has an email that is not valid", "have an email that is not valid"},
	rules.EmailSuppressed:    {"has an email to which mail is stopped", "have an email to which mail is stopped"},
	rules.EmailShared:        {"has the email of somebody else's login", "have the email of somebody else's login"},
	rules.HasDeclined:        {"has declined", "have declined"},
	rules.AlreadyInvited:     {"is invited already", "are invited already"},
	rules.AlreadyHasAccess:   {"has access already", "have access already"},
	rules.NotInvited:         {"was never invited", "were never invited"},
	rules.AccessRemoved:      {"had the access removed", "had the access removed"},
	rules.EmailChanged:       {"has changed the email since", "have changed the email since"},
	rules.ResendTooSoon:      {"was mailed a moment ago", "were mailed a moment ago"},
	rules.RecipientLimit:     {"was sent as many mails as may go there", "were sent as many mails as may go there"},
	rules.AddedPeopleLimit:   {"was one person too many who is no contact", "were too many people who are no contacts"},
	rules.Superseded:         {"got a newer mail instead", "got a newer mail instead"},
	rules.RemindedTogether:   {"was reminded in the mail for another portal", "were reminded in mails for other portals"},
	rules.DuplicateRecipient: {"is named twice", "are named twice"},
	rules.TemplateNotFound:   {"asks for a template that does not exist", "ask for a template that does not exist"},
}

// enumerate is "30 are not Primary, 2 have no email", with the most frequent first.
func enumerate(byReason map[rules.Code]int) string {
	var parts []string
	for _, code := range byCount(byReason) {
		n, said := byReason[code], phrases[code]
		phrase := said[1]
		switch {
		case phrase == "": // a newer worker knows it
			phrase = string(code)
		case n == 1:
			phrase = said[0]
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, phrase))
	}
	return strings.Join(parts, ", ")
}
