package rules

// Code is the machine-readable name of a rule that failed. The values are promised to other teams: outcomes have them
// in their subjects and payloads.
type Code string

// The reason codes, in the order in which the rules are asked (contract, "Rules, in order").
const (
	RunCancelled        Code = "run_cancelled"
	PersonErased        Code = "person_erased"
	FirmNotFound        Code = "firm_not_found"
	LicenseRequired     Code = "license_required"
	ClientNotFound      Code = "client_not_found"
	ClientInactive      Code = "client_inactive"
	ClientHasNoContacts Code = "client_has_no_contacts"
	ContactNotFound     Code = "contact_not_found"
	ContactNotOnClient  Code = "contact_not_on_client"
	NoPrimaryContact    Code = "no_primary_contact"
	ContactNotPrimary   Code = "contact_not_primary"
	EmailMissing        Code = "email_missing"
	EmailInvalid        Code = "email_invalid"
	EmailSuppressed     Code = "email_suppressed"
	EmailShared         Code = "email_shared"
	HasDeclined         Code = "declined"
	AlreadyInvited      Code = "already_invited"
	AlreadyHasAccess    Code = "already_has_access"
	NotInvited          Code = "not_invited"
	AccessRemoved       Code = "access_removed"
	EmailChanged        Code = "email_changed"
	ResendTooSoon       Code = "resend_too_soon"
	RecipientLimit      Code = "recipient_limit"
	AddedPeopleLimit    Code = "added_people_limit"
	Superseded          Code = "superseded"
	RemindedTogether    Code = "reminded_together"
	DuplicateRecipient  Code = "duplicate_recipient"
	TemplateNotFound    Code = "template_not_found"
)

// Codes lists every code in the order of the rules.
func Codes() []Code {
	codes := make([]Code, len(table))
	for i, r := range table {
		codes[i] = r.code
	}
	return codes
}

// rule returns the code's row in the table. ok is false for a code that this version does not know.
func (c Code) rule() (r rule, ok bool) {
	for _, r := range table {
		if r.code == c {
			return r, true
		}
	}
	return rule{}, false
}

// Settled says whether a skip for this reason is final: there was nothing to send, and no replay decides it again. The
// other codes are fixable.
//
// A code that this version does not know is not settled (ADR 75). A newer worker may have published it, or an older
// version may have stored it. Only the code's row could say that nothing is left to do, and people are shown what is
// not settled. This changes no stored skip: the ledger keeps whether a skip was settled when it was decided.
func (c Code) Settled() bool {
	r, _ := c.rule()
	return r.fate == settled
}

// SettledFor says whether a skip of this kind is final. Somebody who was removed a moment ago may be invited again once
// the cooldown is over. So resend_too_soon of an invite is fixable, and of a resend it is settled.
func (c Code) SettledFor(k Kind) bool { return c.Settled() && (c != ResendTooSoon || k == Resend) }

// Unwritable says whether this reason means that no mail can be written, because the firm, the client or the template
// is missing. It is false for a code that this version does not know.
func (c Code) Unwritable() bool {
	r, _ := c.rule()
	return r.fate == unwritable
}

// Known says whether c is one of the contract's codes.
func (c Code) Known() bool {
	_, known := c.rule()
	return known
}
