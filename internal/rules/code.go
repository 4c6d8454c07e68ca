package rules

// Code is the machine-readable name of a rule that failed. The values are promises to other teams: they are part of
// outcome subjects and payloads.
type Code string

// The reason codes, in the order in which the rules are asked (contract, "Rules, in order").
const (
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
	AlreadyInvited      Code = "already_invited"
	AlreadyHasAccess    Code = "already_has_access"
	NotInvited          Code = "not_invited"
	AccessRemoved       Code = "access_removed"
	EmailChanged        Code = "email_changed"
	ResendTooSoon       Code = "resend_too_soon"
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

// rule is the code's row in the table; ok is false for a code that this version does not know.
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
// A code that this version does not know (a newer worker has told of it, or a version of before wrote it into the ledger) is not
// settled: only its row could say that there is nothing left to do, and what is not settled is shown to people. No stored skip
// changes by that, since the ledger keeps what was decided.
func (c Code) Settled() bool {
	r, _ := c.rule()
	return r.fate == settled
}

// Unwritable says whether a mail can't even be written for this reason, since the firm, the client or the template is missing. A code
// that this version does not know is none of those.
func (c Code) Unwritable() bool {
	r, _ := c.rule()
	return r.fate == unwritable
}

// Known says whether c is one of the contract's codes.
func (c Code) Known() bool {
	_, known := c.rule()
	return known
}
