package events

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
)

// ReportKind says what became of a mail after a mail server took it.
type ReportKind string

// The kinds of report.
const (
	MailDelivered  ReportKind = "delivered"  // it is in the mailbox
	MailBounced    ReportKind = "bounced"    // it came back, and nobody tries it again
	MailComplained ReportKind = "complained" // its reader says that it is spam
	MailDelayed    ReportKind = "delayed"    // a server still has it, and goes on trying
)

// MailReport is the data of MailReported. It is about one mail and one of its recipients, and is not the full state of
// a thing, as other facts are.
type MailReport struct {
	Kind      ReportKind `json:"kind"`
	MessageID string     `json:"message_id,omitempty"` // of the mail; or else
	InviteID  string     `json:"invite_id,omitempty"`  // of its invite
	Proof     string     `json:"proof,omitempty"`      // without MessageID: the label behind its @
	Email     string     `json:"email"`                // where the mail went
	Code      string     `json:"code,omitempty"`       // a reply code, an enhanced status code, or both: 550 5.1.1
	Said      string     `json:"said,omitempty"`       // the server's words
	At        time.Time  `json:"at"`
	Reporter  string     `json:"reporter"` // the program or provider that reports it
	// Sender is by whose account the report came, a name of SMTP_SENDERS or "" for the default sender; nil: nobody knows.
	Sender *string `json:"sender,omitempty"`
}

const (
	maxReportSaid = 2000
	maxProof      = 64
	maxMessageID  = 998 // a line of a mail (RFC 5322, section 2.1.1)
)

var reportCode = regexp.MustCompile(`^(?:([245]\d\d)(?: |$))?([245]\.\d{1,3}\.\d{1,3})?$`)

func (d *MailReport) check(f *fields) {
	if f.given("kind") {
		f.oneOf("kind", string(d.Kind),
			string(MailDelivered), string(MailBounced), string(MailComplained), string(MailDelayed))
	}
	d.MessageID = strings.Trim(strings.TrimSpace(d.MessageID), "<>")
	switch {
	case d.MessageID == "" && d.InviteID == "":
		f.wrong("message_id", "missing (or invite_id)")
	case d.MessageID != "" && d.InviteID != "":
		f.wrong("invite_id", "can't be combined with message_id: one of them says which mail it is")
	case d.InviteID != "" && uuid.Validate(d.InviteID) != nil:
		f.wrong("invite_id", "must be a UUID, as outcomes carry it")
	case d.MessageID != "":
		f.optionalText("message_id", d.MessageID, maxMessageID)
	}
	f.optionalText("proof", d.Proof, maxProof)
	if f.given("email") {
		if err := address.Check(d.Email); err != nil {
			f.wrong("email", "%s", err)
		}
	}
	if d.Code != "" && (!reportCode.MatchString(d.Code) || strings.HasSuffix(d.Code, " ")) {
		f.wrong("code", "must be a reply code, an enhanced status code, or both (example: 550 5.1.1)")
	}
	f.paragraphs("said", d.Said, maxReportSaid)
	f.given("at")
	f.text("reporter", d.Reporter, maxName)
	if d.Sender != nil {
		f.sender(*d.Sender)
	}
}

// SplitCode returns the reply code and the enhanced status code in a report's code; 0 and "" for what it does not have.
func SplitCode(both string) (code int, enhanced string) {
	found := reportCode.FindStringSubmatch(both)
	if found == nil {
		return 0, ""
	}
	code, _ = strconv.Atoi(found[1]) // 0 for none
	return code, found[2]
}

// TakesTurn says whether an event must be applied in the stream's order within its firm, because it says who has
// access: a fact of such a type, or a report that a mail has failed for good.
func (e Event) TakesTurn() bool {
	report, is := e.Data.(*MailReport)
	return e.Type.ChangesAccess() || is && report.Kind == MailBounced
}
