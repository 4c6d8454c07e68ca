package rules

import (
	"time"

	"portal-invites/internal/wording"
)

// Kind says whether a person is invited, or sent an invite again.
type Kind string

// The kinds of invite.
const (
	Invite Kind = "invite"
	Resend Kind = "resend"
)

// Audience says whom a bulk resend is for, of those who were invited or have access.
type Audience string

// The audiences: who has not logged in yet, who has, and both.
const (
	ToInvited Audience = "invited"
	ToActive  Audience = "active"
	ToAll     Audience = "all"
)

// Recipient is who an invite is for, as the request names them: a contact, or another person by email. The zero value
// means the client itself: a bulk selection has one for a client without contacts.
type Recipient struct {
	ContactID string
	Email     Email
	Name      string
}

// IsClient says whether the outcome is about the client rather than about a person on it.
func (r Recipient) IsClient() bool { return r == Recipient{} }

// Key identifies a recipient within a request. It is made of what the request says, and not of the facts: facts may
// change between two deliveries of a request, and the identities of its recipients must not.
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
	To               Audience  // of a bulk resend; "": whoever has access
	TemplateID       string    // of the personal message; "" for none
	DespiteDecline   bool      // the office knows that the recipient has declined, and sends it all the same
	DuplicateOf      string    // the invite of the same person, named earlier in the same request; "" for none
	InviteID         string    // the invite that this question is about; its own reservation does not count against it
	Again            bool      // a stored invite is decided again, as by a replay; it overtakes no run
	Queued           bool      // the invite was decided before and is about to leave; a removal since then wins
	Reminds          string    // of an automatic reminder: the invite that it belongs to, whose link it replaces
	Together         Together  // of an automatic reminder: the mail that reminds the person of this portal, too
	Newer            Newer     // with Queued: what became of a newer mail for the same access
	Cancelled        Cancelled // the cancel of the run that it waits in, if there was one
	Mail             string    // of an invite that was queued before: its mail, as the limits count it; "" of a new one
	Erased           bool      // a stored invite of somebody who was erased
	Person           Person    // with Queued: who the recipient was when it was decided; later facts do not change that
}

// Together is a reminder's mail for another portal of the same person, which also names this one (ADR 138). The zero
// value means that the reminder has a mail of its own.
type Together struct{ InviteID, ClientName string }

// Cancelled says who has cancelled a run, and when. The zero value means that nobody has.
type Cancelled struct {
	By string
	At time.Time
}

// Newer is what became of a newer mail for the same access. It supersedes an older one that is about to leave (ADR
// 130).
type Newer string

// A newer mail waits to be sent, or has left. Without either, there is no newer mail.
const (
	NewerWaits Newer = "waits"
	NewerLeft  Newer = "left"
)

// Policy is what an operator can set.
type Policy struct {
	InviteTTL      time.Duration // how long an invite stays valid
	ResendCooldown time.Duration // between two mails to one person for one client
	Limits         Limits
}

// The defaults of a Policy.
const (
	DefaultInviteTTL      = 30 * 24 * time.Hour
	DefaultResendCooldown = 10 * time.Minute
)

// Reason is one rule that failed, in words that help an office worker to fix it. The words are English. [Reason.In] has
// them in other languages: its words depend only on the code, the case and the names (ADR 137).
type Reason struct {
	Code        Code      `json:"code"`
	Explanation string    `json:"explanation"`
	Remedy      string    `json:"remedy"`
	Conflict    *Conflict `json:"conflict,omitempty"`
	RetryAt     time.Time `json:"retry_at,omitzero"`   // of resend_too_soon and the limits
	InviteID    string    `json:"invite_id,omitempty"` // of reminded_together: whose mail names the portal

	Case  string         `json:"-"` // which of the code's phrases it is
	Names *wording.Names `json:"-"` // what the phrase names; nil: only the words are known
}

// Conflict names the person who already logs in with the email of the recipient.
type Conflict struct {
	ContactID string `json:"contact_id"` // empty if that person was added by email
	ClientID  string `json:"client_id"`  // one client to whose portal that person has access
}

// Decision is the answer to an [Ask]. It changes nothing by itself.
type Decision struct {
	Reasons []Reason // every rule that failed, in the contract's order; empty means: send
	Kind    Kind

	Person Person // who the recipient is; "" if the recipient names no person
	Name   string
	Email  Email

	Warnings []Warning // about facts that the decision should have been made on, and that could not be read
}

// Send says whether the invite goes out.
func (d Decision) Send() bool { return len(d.Reasons) == 0 }

// Reason is the code of the first rule that failed, or "" if none failed.
func (d Decision) Reason() Code {
	if d.Send() {
		return ""
	}
	return d.Reasons[0].Code
}

// Settled says whether a skip is final. One settled reason is enough.
func (d Decision) Settled() bool {
	for _, r := range d.Reasons {
		if r.Code.SettledFor(d.Kind) {
			return true
		}
	}
	return false
}
