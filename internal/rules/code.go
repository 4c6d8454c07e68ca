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

// Settled says whether a skip for this reason is final: there was nothing to send, and no replay decides it again. The
// other codes are fixable.
func (c Code) Settled() bool {
	switch c {
	case AlreadyInvited, AlreadyHasAccess, NotInvited, AccessRemoved, ResendTooSoon, DuplicateRecipient:
		return true
	case FirmNotFound, LicenseRequired, ClientNotFound, ClientInactive, ClientHasNoContacts, ContactNotFound,
		ContactNotOnClient, NoPrimaryContact, ContactNotPrimary, EmailMissing, EmailInvalid, EmailSuppressed,
		EmailShared, EmailChanged, TemplateNotFound:
		return false
	default:
		return false
	}
}

// Known says whether c is one of the contract's codes.
func (c Code) Known() bool {
	for _, r := range table {
		if r.code == c {
			return true
		}
	}
	return false
}
