package rules

import "time"

// Kind is whether someone is invited, or reminded of an invite.
type Kind string

// The kinds of invite.
const (
	Invite Kind = "invite"
	Resend Kind = "resend"
)

// Recipient is who an invite is for, as the request named them: a contact, or another person by email. The zero value
// stands for the client itself, where a bulk selection finds nobody on it.
type Recipient struct {
	ContactID string
	Email     Email
	Name      string
}

// IsClient says whether the outcome is about the client rather than about a person on it.
func (r Recipient) IsClient() bool { return r == Recipient{} }

// Key tells the recipients of one request apart, by what the request said and not by what it meant: facts may change
// between two deliveries of a request, its recipients' identities may not.
func (r Recipient) Key() string {
	switch {
	case r.ContactID != "":
		return "contact:" + r.ContactID
	case r.Email.Normal != "":
		return "email:" + r.Email.Normal
	case r.Email.Written != "":
		return "written:" + r.Email.Written
	default:
		return "client"
	}
}

// Ask is one question: may this recipient be sent an invite to this client's portal?
type Ask struct {
	FirmID, ClientID string
	Recipient        Recipient
	Process          Process
	Kind             Kind
	TemplateID       string // of the personal message; "" for none
	DuplicateOf      string // the invite of the same person, named before this in the same request; "" for none
	InviteID         string // the invite this question is about; its own claim does not stand in its way
	Queued           bool   // decided before and about to leave: a removal since then wins
	Person           Person // with Queued: who the recipient was found to be, which later facts do not change
}

// Policy is what an operator may set.
type Policy struct {
	InviteTTL      time.Duration // how long an invite stays valid
	ResendCooldown time.Duration // between two mails to one person for one client
}

// What the operator gets who sets nothing.
const (
	DefaultInviteTTL      = 30 * 24 * time.Hour
	DefaultResendCooldown = 10 * time.Minute
)

// Reason is one rule that failed, in words an office worker can act on.
type Reason struct {
	Code        Code      `json:"code"`
	Explanation string    `json:"explanation"`
	Remedy      string    `json:"remedy"`
	Conflict    *Conflict `json:"conflict,omitempty"`
	RetryAt     time.Time `json:"retry_at,omitzero"` // of resend_too_soon
}

// Conflict names who holds the email that somebody else was to be invited with.
type Conflict struct {
	ContactID string `json:"contact_id"` // empty where the holder was added by email
	ClientID  string `json:"client_id"`  // one client on which the holder has access
}

// Decision is the answer to an [Ask]. Nothing is performed by it.
type Decision struct {
	Reasons []Reason // every rule that failed, in the contract's order; empty means: send

	Person Person // who the recipient turned out to be; "" where nobody could be made out
	Name   string
	Email  Email
}

// Send says whether the invite goes out.
func (d Decision) Send() bool { return len(d.Reasons) == 0 }

// Reason is the code of the first rule that failed, or "".
func (d Decision) Reason() Code {
	if d.Send() {
		return ""
	}
	return d.Reasons[0].Code
}

// Settled says whether a skip is final: one settled reason among the reasons is enough.
func (d Decision) Settled() bool {
	for _, r := range d.Reasons {
		if r.Code.Settled() {
			return true
		}
	}
	return false
}
