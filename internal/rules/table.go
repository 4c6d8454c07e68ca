package rules

import (
	"slices"
	"time"

	"portal-invites/internal/wording"
)

// rule is one row of the contract's table (ADR 74): its code, the questions it is asked for, what can become of a skip
// for it, and its check. The check returns nil if the rule holds, or else what is wrong: a case of its code, and the
// names for it ([because]). It also returns nil if a fact that it needs is missing, because then the rule about that
// fact has failed.
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
	{RunCancelled, all, fixable, runCancelled},
	{PersonErased, all, settled, personErased},
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
	{HasDeclined, people, settled, hasDeclined},
	{AlreadyInvited, invitesOrTo(ToActive), settled, alreadyInvited},
	{AlreadyHasAccess, invitesOrTo(ToInvited), settled, alreadyHasAccess},
	{NotInvited, resends, settled, notInvited},
	{AccessRemoved, resendsAndQueued, settled, accessRemoved},
	{EmailChanged, resends, fixable, emailChanged},
	{ResendTooSoon, people, settled, resendTooSoon},
	{RecipientLimit, people, fixable, recipientLimit},
	{AddedPeopleLimit, invites, fixable, addedPeopleLimit},
	{Superseded, queuedOrReminders, settled, superseded},
	{RemindedTogether, resends, settled, remindedTogether},
	{DuplicateRecipient, people, settled, duplicateRecipient},
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

func queuedOrReminders(a Ask) bool { return people(a) && (a.Queued || a.Reminds != "") }
func resendsAndQueued(a Ask) bool  { return people(a) && (a.Kind == Resend || a.Queued) }

// runCancelled is for an invite that waits in a run which was cancelled. Only a replay that names the run sends it
// (ADR 158).
func runCancelled(q *question) *Reason {
	if q.ask.Cancelled == (Cancelled{}) {
		return nil
	}
	names := q.namesOf(q.ask.Cancelled.At)
	names.Who = NameOnly(q.ask.Cancelled.By)
	return because(wording.Plain, names)
}

// personErased is the only reason if it applies, because every other one would name them (ADR 171).
func personErased(q *question) *Reason {
	if !q.erased {
		return nil
	}
	return because(wording.Plain, wording.Names{})
}

// ErasedNow is the decision about somebody whose invite was on its way when they were erased.
func ErasedNow(k Kind) Decision {
	reason := personErased(&question{erased: true})
	reason.Code = PersonErased
	return Decision{Kind: k, Reasons: []Reason{reason.In(wording.English())}}
}

func firmNotFound(q *question) *Reason {
	if q.firm != nil {
		return nil
	}
	return because(wording.Plain, wording.Names{Firm: q.ask.FirmID})
}

func licenseRequired(q *question) *Reason {
	process := q.ask.Process.row()
	if q.firm == nil || q.firm.Licenses == nil || process.license == none ||
		slices.Contains(q.firm.Licenses, process.license.key) {
		return nil
	}
	return because(wording.Plain, wording.Names{
		Firm: NameOnly(q.firm.Name), License: process.license.name, Process: string(q.ask.Process),
	})
}

func clientNotFound(q *question) *Reason {
	if q.client != nil {
		return nil
	}
	return because(wording.Plain, wording.Names{ClientID: q.ask.ClientID})
}

func clientInactive(q *question) *Reason {
	if q.client == nil || q.client.Active {
		return nil
	}
	return because(wording.Plain, q.names())
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
		return because("some_now", q.names())
	}
	// This is also the reason if a contact was selected and has left the client since, and no contact remains.
	return because(wording.Plain, q.names())
}

// contactNotFound is for a contact that the request names and that has no fact (ADR 12).
func contactNotFound(q *question) *Reason {
	if q.ask.Recipient.ContactID == "" || q.contact != nil {
		return nil
	}
	return because(wording.Plain, wording.Names{ContactID: q.ask.Recipient.ContactID})
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
	return because(wording.Plain, q.names())
}

func noPrimaryContact(q *question) *Reason {
	if q.client == nil || len(q.client.Contacts) == 0 || q.client.hasPrimary() {
		return nil
	}
	if q.ask.Recipient.IsClient() {
		return because("nobody_selected", q.names())
	}
	return because(wording.Plain, q.names())
}

func contactNotPrimary(q *question) *Reason {
	if q.client == nil || !q.client.hasPrimary() || q.ask.Recipient.ContactID == "" {
		return nil
	}
	if onClient, _ := q.client.contact(q.ask.Recipient.ContactID); onClient.Primary {
		return nil
	}
	return because(wording.Plain, q.names())
}

// emailMissing is also for a contact without a fact in a bulk run, where no request names it (ADR 12).
func emailMissing(q *question) *Reason {
	unknown := q.contact == nil && q.ask.Recipient.ContactID != ""
	if q.email.Written != "" || unknown && q.ask.Process != Bulk {
		return nil // an individual request for an unknown contact is contact_not_found
	}
	if unknown {
		names := q.names()
		names.ContactID = q.ask.Recipient.ContactID
		return because("unknown_contact", names)
	}
	return because(wording.Plain, q.names())
}

func emailInvalid(q *question) *Reason {
	if q.email.Written == "" || q.email.Normal != "" {
		return nil
	}
	return because(wording.Plain, q.names())
}

func emailSuppressed(q *question) *Reason {
	if q.suppression == "" {
		return nil
	}
	which := "manual"
	if q.suppression == "bounce" || q.suppression == "complaint" {
		which = q.suppression
	}
	return because(which, q.withEmail())
}

func emailShared(q *question) *Reason {
	if q.login == nil || q.login.Person == q.person || !q.login.ReservedAt(q.now) {
		return nil
	}
	names := q.withEmail()
	which := wording.Plain
	switch {
	case !q.login.Person.Added():
		names.Holder = NameOnly(q.login.HolderName)
	case q.login.ClientID == "": // only the email is known, so it may well be the same person
		which = "added_by_email"
	default:
		which = "added_on_client"
		names.Other, names.OtherID = q.nameOf(q.login.ClientID)
	}
	reason := because(which, names)
	reason.Conflict = &Conflict{ContactID: q.login.Person.ContactID(), ClientID: q.login.ClientID}
	return reason
}

// hasDeclined stops bulk mails and reminders. It stops an individual invite only if a person has pressed the button,
// and not if the office knows and sends it all the same. Filters press a mail's headers, too (ADR 154).
func hasDeclined(q *question) *Reason {
	isBulk := q.ask.Process == Bulk || q.ask.Reminds != ""
	if q.declined.At.IsZero() || !isBulk && (q.declined.BulkOnly || q.ask.DespiteDecline) {
		return nil
	}
	names := q.withEmail()
	names.Day = q.firm.In(q.declined.At)
	if isBulk {
		return because(wording.Plain, names)
	}
	return because("individual", names)
}

func alreadyInvited(q *question) *Reason {
	if q.access == nil || q.ownReservation() || q.namedBefore() || q.access.StateAt(q.now) != Invited ||
		q.ask.Newer != "" || q.overtakesRun() || q.otherLogin() { // an invite to another email ends the link to the old one
		return nil
	}
	return because(q.waitsOr(wording.Plain), q.namesOf(q.access.InvitedAt))
}

// waitsOr is the case of an access whose first mail has not left. Nobody is told that somebody was invited to whom
// nothing has been sent.
func (q *question) waitsOr(which string) string {
	switch q.access.Waits {
	case WaitsInRun:
		return "waits_in_run"
	case WaitsAlone:
		return "waits"
	default:
		return which
	}
}

func alreadyHasAccess(q *question) *Reason {
	if q.access == nil || q.access.StateAt(q.now) != Active {
		return nil
	}
	if q.otherLogin() {
		names := q.withEmail()
		names.Login = Email{Normal: q.access.Email}.Masked()
		return because("other_login", names)
	}
	return because(wording.Plain, q.names())
}

func notInvited(q *question) *Reason {
	if q.access != nil && q.access.StateAt(q.now) != Expired {
		return nil
	}
	if q.access != nil {
		return because("ended", q.namesOf(q.access.ExpiresAt))
	}
	return because(wording.Plain, q.names())
}

func accessRemoved(q *question) *Reason {
	gone := q.ask.Queued && q.access == nil
	if !gone && (q.access == nil || q.access.State != Removed) || q.mayBeginAnew() {
		return nil
	}
	if q.ask.Kind == Resend && q.access != nil && q.access.Why == ByEmailChange {
		return because("email_changed", q.names())
	}
	return because(wording.Plain, q.names())
}

func emailChanged(q *question) *Reason {
	if !q.otherLogin() {
		return nil
	}
	return because(wording.Plain, q.withEmail())
}

func resendTooSoon(q *question) *Reason {
	if q.access == nil || q.ask.Queued || q.ask.DuplicateOf != "" || q.access.MailedAt.IsZero() || q.otherLogin() {
		return nil // a mail to the new email is not the same mail again
	}
	retryAt := q.access.MailedAt.Add(q.policy.ResendCooldown)
	if !q.now.Before(retryAt) {
		return nil
	}
	if q.ask.Kind != Resend {
		return q.invitedTooSoon(retryAt)
	}
	if q.access.State == Removed {
		return nil
	}
	names, which := q.names(), wording.Plain
	if q.access.State == Invited {
		which = q.waitsOr(wording.Plain)
	}
	if which == wording.Plain {
		names.Minute = q.minute(retryAt)
	} else {
		names.Day = q.firm.In(q.access.InvitedAt)
	}
	reason := because(which, names)
	reason.RetryAt = retryAt
	return reason
}

// invitedTooSoon is for an invite right after a removal: without it, a person could be mailed as often as one likes.
// Somebody who was removed to be invited at another email, or to whom no mail has left, does not wait.
func (q *question) invitedTooSoon(retryAt time.Time) *Reason {
	if q.access.State != Removed || q.access.Why != "" || q.access.Waits != "" || q.access.Email != q.email.Normal {
		return nil
	}
	names := q.names()
	names.Minute = q.minute(retryAt)
	reason := because("after_removal", names)
	reason.RetryAt = retryAt
	return reason
}

// superseded is for a mail that is about to leave although a newer one for the same access waits or has left (ADR
// 130). A reminder is superseded as well if the link of its invite is no longer the valid one (ADR 138).
func superseded(q *question) *Reason {
	state := Removed // as if it was removed, if there is no access
	if q.access != nil {
		state = q.access.StateAt(q.now)
	}
	if state != Invited && (state != Active || q.ask.Kind != Resend || q.ask.To == ToInvited) {
		return nil // that is the reason, and true of the newer mail as well
	}
	switch q.ask.Newer {
	case NewerWaits:
		return because("newer_waits", q.names())
	case NewerLeft:
		return because("newer_left", q.names())
	}
	if q.ask.Reminds == "" || q.access.InviteID == q.ask.Reminds || q.access.InviteID == q.ask.InviteID {
		return nil
	}
	if q.access.Waits != "" {
		return because("newer_waits", q.names())
	}
	return because("newer_left", q.names())
}

// remindedTogether is for a reminder of a person who gets one for another portal at the same time (ADR 138).
func remindedTogether(q *question) *Reason {
	if q.ask.Together == (Together{}) {
		return nil
	}
	names := q.names()
	names.Other = NameOnly(q.ask.Together.ClientName)
	reason := because(wording.Plain, names)
	reason.InviteID = q.ask.Together.InviteID
	return reason
}

// duplicateRecipient is the only reason for a second mention of a person who could be invited (ADR 16). A run mentions
// one twice if two contacts were merged after it had selected them.
func duplicateRecipient(q *question) *Reason {
	if q.ask.DuplicateOf == "" {
		return nil
	}
	return because(wording.Plain, q.names())
}

func templateNotFound(q *question) *Reason {
	if q.ask.TemplateID == "" || q.template {
		return nil
	}
	return because(wording.Plain, wording.Names{Template: q.ask.TemplateID})
}
