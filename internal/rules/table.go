package rules

import (
	"fmt"
	"slices"
)

// rule is one row of the contract's table (ADR 74): its code, the questions it is asked for, what can become of a skip
// for it, and its check. The check returns nil if the rule holds, or else what is wrong and what a person can do about
// it. It also returns nil if a fact that it needs is missing, because then the rule about that fact has failed.
type rule struct {
	code     Code
	askedFor func(Ask) bool
	fate     fate
	check    func(*question) *Reason
}

// fate is what can become of a skip.
type fate int

const (
	fixable    fate = iota + 1 // the office can fix it, and a replay decides the invite again
	unwritable                 // fixable, and until then no mail can be written, because a fact that it needs is missing
	settled                    // final: there was nothing to send
)

// table is the contract's "Rules, in order". A skip has every rule that fails as a reason; the first one names the
// skip.
var table = []rule{
	{FirmNotFound, all, unwritable, firmNotFound},
	{LicenseRequired, all, fixable, licenseRequired},
	{ClientNotFound, all, unwritable, clientNotFound},
	{ClientInactive, all, fixable, clientInactive},
	{ClientHasNoContacts, bulk, fixable, clientHasNoContacts},
	{ContactNotFound, individual, fixable, contactNotFound},
	{ContactNotOnClient, individual, fixable, contactNotOnClient},
	{NoPrimaryContact, bulk, fixable, noPrimaryContact},
	{ContactNotPrimary, bulk, fixable, contactNotPrimary},
	{EmailMissing, people, fixable, emailMissing},
	{EmailInvalid, people, fixable, emailInvalid},
	{EmailSuppressed, people, fixable, emailSuppressed},
	{EmailShared, people, fixable, emailShared},
	{AlreadyInvited, invitesOrTo(ToActive), settled, alreadyInvited},
	{AlreadyHasAccess, invitesOrTo(ToInvited), settled, alreadyHasAccess},
	{NotInvited, resends, settled, notInvited},
	{AccessRemoved, resendsAndQueued, settled, accessRemoved},
	{EmailChanged, resends, fixable, emailChanged},
	{ResendTooSoon, resends, settled, resendTooSoon},
	{Superseded, queued, settled, superseded},
	{DuplicateRecipient, individual, settled, duplicateRecipient},
	{TemplateNotFound, all, unwritable, templateNotFound},
}

// The contract's column "asked for". Rules about a person are not asked for a client without contacts.
func all(Ask) bool          { return true }
func people(a Ask) bool     { return !a.Recipient.IsClient() }
func bulk(a Ask) bool       { return a.Process == Bulk }
func individual(a Ask) bool { return a.Process != Bulk && people(a) }
func invites(a Ask) bool    { return a.Kind != Resend && people(a) }
func resends(a Ask) bool    { return a.Kind == Resend && people(a) }

// invitesOrTo is for invites, and for bulk resends to one audience, which leave out the other one.
func invitesOrTo(to Audience) func(Ask) bool {
	return func(a Ask) bool { return invites(a) || people(a) && a.To == to }
}

func queued(a Ask) bool           { return people(a) && a.Queued }
func resendsAndQueued(a Ask) bool { return people(a) && (a.Kind == Resend || a.Queued) }

func firmNotFound(q *question) *Reason {
	if q.firm != nil {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("Nothing is known of the firm %q yet: its name and portal address have not arrived.",
			q.ask.FirmID),
		Remedy: "Publish the firm's settings (FirmUpserted), then replay.",
	}
}

func licenseRequired(q *question) *Reason {
	process := q.ask.Process.row()
	if q.firm == nil || q.firm.Licenses == nil || process.license == none ||
		slices.Contains(q.firm.Licenses, process.license.key) {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s has no license for %s, which %s needs.",
			NameOnly(q.firm.Name), process.license.name, process.words),
		Remedy: fmt.Sprintf("Add the %s license to the firm's plan, or invite from the client record.",
			process.license.name),
	}
}

func clientNotFound(q *question) *Reason {
	if q.client != nil {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("There is no client %q at this firm; it may have been deleted.", q.ask.ClientID),
		Remedy:      "Check the client's id, or restore the client, then invite again.",
	}
}

func clientInactive(q *question) *Reason {
	if q.client == nil || q.client.Active {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s is archived, and an archived client has no portal.", q.clientName()),
		Remedy:      fmt.Sprintf("Make %s active again, then invite.", q.clientName()),
	}
}

func clientHasNoContacts(q *question) *Reason {
	if q.client == nil {
		return nil
	}
	if len(q.client.Contacts) > 0 {
		if !q.ask.Recipient.IsClient() {
			return nil
		}
		// A replay can't invite these contacts: only a new selection can say which of them to invite (ADR 17).
		return &Reason{
			Explanation: fmt.Sprintf("%s had no contacts when it was selected; it has some now.", q.clientName()),
			Remedy:      fmt.Sprintf("Start a new bulk invite for %s.", q.clientName()),
		}
	}
	// This is also the reason if a contact was selected and has left the client since, and no contact remains.
	return &Reason{
		Explanation: fmt.Sprintf("%s has no contacts, so there is nobody to invite.", q.clientName()),
		Remedy:      fmt.Sprintf("Add a contact with an email to %s and mark it as Primary.", q.clientName()),
	}
}

// contactNotFound is for a contact that the request names and that has no fact (ADR 12).
func contactNotFound(q *question) *Reason {
	if q.ask.Recipient.ContactID == "" || q.contact != nil {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("There is no contact %q at this firm; it may have been deleted.", q.ask.Recipient.ContactID),
		Remedy:      "Pick a contact that exists, or add the person again.",
	}
}

func contactNotOnClient(q *question) *Reason {
	contactID := q.ask.Recipient.ContactID
	if q.ask.Queued {
		contactID = q.person.ContactID() // also of a contact whom the request names by email
	}
	if contactID == "" || q.client == nil {
		return nil
	}
	if _, on := q.client.contact(contactID); on {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s is not a contact of %s.", q.personName(), q.clientName()),
		Remedy:      fmt.Sprintf("Add %s to the contacts of %s, then invite again.", q.personName(), q.clientName()),
	}
}

func noPrimaryContact(q *question) *Reason {
	if q.client == nil || len(q.client.Contacts) == 0 || q.client.hasPrimary() {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("Bulk invites go to Primary contacts only, and %s has none.", q.clientName()),
		Remedy:      q.markAsPrimary(),
	}
}

func contactNotPrimary(q *question) *Reason {
	if q.client == nil || !q.client.hasPrimary() || q.ask.Recipient.ContactID == "" {
		return nil
	}
	if onClient, _ := q.client.contact(q.ask.Recipient.ContactID); onClient.Primary {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("Bulk invites go to Primary contacts only, and %s is not Primary on %s.",
			q.personName(), q.clientName()),
		Remedy: q.markAsPrimary(),
	}
}

// emailMissing is also for a contact without a fact in a bulk run, where no request names it (ADR 12).
func emailMissing(q *question) *Reason {
	unknown := q.contact == nil && q.ask.Recipient.ContactID != ""
	if q.email.Written != "" || unknown && q.ask.Process != Bulk {
		return nil // an individual request for an unknown contact is contact_not_found
	}
	if unknown {
		return &Reason{
			Explanation: fmt.Sprintf("%s lists the contact %q, and neither its name nor its email is known.",
				q.clientName(), q.ask.Recipient.ContactID),
			Remedy: fmt.Sprintf("Add the contact's details again, or take it off %s.", q.clientName()),
		}
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s has no email address.", q.personName()),
		Remedy:      fmt.Sprintf("Add an email to %s.", q.personName()),
	}
}

func emailInvalid(q *question) *Reason {
	if q.email.Written == "" || q.email.Normal != "" {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("The email of %s is not a valid address.", q.personName()),
		Remedy:      fmt.Sprintf("Correct the email of %s.", q.personName()),
	}
}

func emailSuppressed(q *question) *Reason {
	if q.suppression == "" {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("Mail to %s is stopped: %s.", q.email.Masked(), suppressionWords(q.suppression)),
		Remedy:      fmt.Sprintf("Ask %s for a working address and enter it, or lift the block on this one.", q.personName()),
	}
}

func emailShared(q *question) *Reason {
	if q.login == nil || q.login.Person == q.person || !q.login.ReservedAt(q.now) {
		return nil
	}
	reason := &Reason{Conflict: &Conflict{ContactID: q.login.Person.ContactID(), ClientID: q.login.ClientID}}
	const explanation = "%s already opens the portal for %s, and one email can belong to one person only."
	if q.login.Person.Added() { // only the email is known, so it may well be the same person
		reason.Explanation = fmt.Sprintf(explanation, q.email.Masked(), "somebody who was added by email")
		reason.Remedy = fmt.Sprintf("If that is %s, remove the portal access of this email%s, then invite again. "+
			"If not, give %s an email of their own.", q.personName(), q.onClient(q.login.ClientID), q.personName())
		return reason
	}
	holder := NameOnly(q.login.HolderName)
	if holder == "" {
		holder = "another person"
	}
	reason.Explanation = fmt.Sprintf(explanation, q.email.Masked(), holder)
	reason.Remedy = fmt.Sprintf("Give %s an email of their own, or remove the portal access of %s first.",
		q.personName(), holder)
	return reason
}

func alreadyInvited(q *question) *Reason {
	if q.access == nil || q.ownReservation() || q.namedBefore() || q.access.StateAt(q.now) != Invited ||
		q.ask.Newer != "" || q.overtakesRun() || q.otherLogin() { // an invite to another email ends the link to the old one
		return nil
	}
	if q.access.Waits != "" {
		return q.waiting()
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s was invited to the portal of %s on %s and has not logged in yet.",
			q.personName(), q.clientName(), q.day(q.access.InvitedAt)),
		Remedy: "Nothing to do. To remind them, resend the invite.",
	}
}

// waiting is the reason for an access whose first mail has not left. Nobody is told that somebody was invited to whom
// nothing has been sent.
func (q *question) waiting() *Reason {
	remedy := "Nothing to do. It is sent by itself."
	if q.access.Waits == WaitsInRun {
		remedy = "Nothing to do. It is sent by itself; to send it at once, invite them from the client record."
	}
	return &Reason{
		Explanation: fmt.Sprintf("An invite for %s to the portal of %s was asked for on %s and is waiting to be sent.",
			q.personName(), q.clientName(), q.day(q.access.InvitedAt)),
		Remedy: remedy,
	}
}

func alreadyHasAccess(q *question) *Reason {
	if q.access == nil || q.access.StateAt(q.now) != Active {
		return nil
	}
	if q.otherLogin() {
		return &Reason{
			Explanation: fmt.Sprintf("%s already uses the portal of %s. Their email has changed since; "+
				"they still log in with %s.", q.personName(), q.clientName(), Email{Normal: q.access.Email}.Masked()),
			Remedy: fmt.Sprintf("Nothing to do if they can log in. To change the login, remove the portal access of %s, "+
				"then invite them at %s.", q.personName(), q.email.Masked()),
		}
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s already uses the portal of %s.", q.personName(), q.clientName()),
		Remedy:      "Nothing to do. If they can't log in, resend the invite.",
	}
}

func notInvited(q *question) *Reason {
	if q.access != nil && q.access.StateAt(q.now) != Expired {
		return nil
	}
	explanation := fmt.Sprintf("%s has not been invited to the portal of %s, so there is nothing to send again.",
		q.personName(), q.clientName())
	if q.access != nil {
		explanation = fmt.Sprintf("The last invite of %s to the portal of %s ended on %s.",
			q.personName(), q.clientName(), q.day(q.access.ExpiresAt))
	}
	return &Reason{Explanation: explanation, Remedy: "Send an invite instead."}
}

func accessRemoved(q *question) *Reason {
	gone := q.ask.Queued && q.access == nil
	if !gone && (q.access == nil || q.access.State != Removed) || q.mayBeginAnew() {
		return nil
	}
	if q.ask.Kind == Resend && q.access != nil && q.access.Why == ByEmailChange {
		return &Reason{
			Explanation: fmt.Sprintf("The email of %s has changed since they were invited to the portal of %s, so that "+
				"invite has ended.", q.personName(), q.clientName()),
			Remedy: "Send a new invite instead. It goes to the new email.",
		}
	}
	return &Reason{
		Explanation: fmt.Sprintf("The access of %s to the portal of %s was removed.", q.personName(), q.clientName()),
		Remedy:      "Send a new invite if they should have access again.",
	}
}

func emailChanged(q *question) *Reason {
	if !q.otherLogin() {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("The email of %s has changed since they were invited; their login still has the old one.",
			q.personName()),
		Remedy: fmt.Sprintf("Remove the portal access of %s, then invite them at %s.", q.personName(), q.email.Masked()),
	}
}

func resendTooSoon(q *question) *Reason {
	if q.access == nil || q.ask.Queued || q.ask.DuplicateOf != "" || q.access.State == Removed ||
		q.access.MailedAt.IsZero() || q.otherLogin() { // a mail to the new email is not the same mail again
		return nil
	}
	retryAt := q.access.MailedAt.Add(q.policy.ResendCooldown)
	if !q.now.Before(retryAt) {
		return nil
	}
	if q.access.Waits != "" && q.access.State == Invited {
		reason := q.waiting()
		reason.RetryAt = retryAt
		return reason
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s was sent a mail for %s a moment ago.", q.personName(), q.clientName()),
		Remedy:      fmt.Sprintf("Wait until %s, and ask them to look into their spam folder.", q.minute(retryAt)),
		RetryAt:     retryAt,
	}
}

// superseded is for a mail that is about to leave although a newer one for the same access waits or has left (ADR 130).
func superseded(q *question) *Reason {
	const explanation = "A newer mail to %s for %s %s, so this one was not sent."
	var newer string
	state := Removed // as if it was removed, if there is no access
	if q.access != nil {
		state = q.access.StateAt(q.now)
	}
	if state != Invited && (state != Active || q.ask.Kind != Resend || q.ask.To == ToInvited) {
		return nil // that is the reason, and true of the newer mail as well
	}
	switch q.ask.Newer {
	case "":
		return nil
	case NewerWaits:
		newer = "is waiting to be sent"
	case NewerLeft:
		newer = "has been sent"
	}
	return &Reason{
		Explanation: fmt.Sprintf(explanation, q.personName(), q.clientName(), newer),
		Remedy:      "Nothing to do.",
	}
}

// duplicateRecipient is the only reason for a second mention of a person who could be invited (ADR 16).
func duplicateRecipient(q *question) *Reason {
	if q.ask.DuplicateOf == "" {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("%s is named more than once in this request; one mail is enough.", q.personName()),
		Remedy:      "Nothing to do.",
	}
}

func templateNotFound(q *question) *Reason {
	if q.ask.TemplateID == "" || q.template {
		return nil
	}
	return &Reason{
		Explanation: fmt.Sprintf("There is no message template %q at this firm.", q.ask.TemplateID),
		Remedy:      "Pick a template that exists, or write the message into the request.",
	}
}
