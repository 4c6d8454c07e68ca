package bounce

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Reason says why an address is suppressed, or why it is not.
type Reason string

// The reasons for a suppression.
const (
	MailboxUnknown  Reason = "mailbox_unknown"
	MailboxDisabled Reason = "mailbox_disabled"
	Complained      Reason = "complaint"
)

// The reasons not to suppress an address: the report does not say that the mailbox is gone.
const (
	NotFailed     Reason = "not_failed"      // delayed, delivered, relayed or expanded
	GaveUp        Reason = "gave_up"         // the sending server gave up after its retry time; the next mail may arrive
	MailboxFull   Reason = "mailbox_full"    // X.2.2
	TooLarge      Reason = "too_large"       // X.2.3, X.3.4
	Policy        Reason = "policy"          // X.7.X: the receiver does not like the sender or the mail
	OurSide       Reason = "our_side"        // X.1.7, X.1.8: the sender's address is wrong
	Elsewhere     Reason = "not_the_mailbox" // the route, the server or the mail is at fault
	Unclear       Reason = "unclear"         // a failure whose code does not say what is at fault
	Forwarded     Reason = "forwarded"       // an address to which the mailed address forwards
	OtherFeedback Reason = "other_feedback"  // a reader's report that is not a complaint
	OtherFirm     Reason = "other_firm"      // the mail belongs to another firm than the one asked for
	NotOurs       Reason = "not_ours"        // the pipeline did not send the mail that came back
	NoReport      Reason = "not_a_report"    // an automatic reply, a person's reply, or any other mail
)

// The reasons that a person must look at: the report matters, but it lacks what the pipeline needs.
const (
	NoFirm      Reason = "no_firm"
	NoRecipient Reason = "no_recipient"
	BadAddress  Reason = "bad_address"
	Unreadable  Reason = "unreadable"
)

// Words returns the reason as a sentence for people.
func (r Reason) Words() string { return words[r] }

var words = map[Reason]string{
	MailboxUnknown:  "there is no such mailbox, or its domain accepts no mail",
	MailboxDisabled: "the mailbox is disabled",
	Complained:      "the reader reported the mail as spam",
	NotFailed:       "the mail is not lost (yet)",
	GaveUp:          "every retry failed until the time was over; the next mail may arrive",
	MailboxFull:     "the mailbox is full",
	TooLarge:        "the mail is too large for the mailbox",
	Policy:          "the receiver does not want the sender or the mail",
	OurSide:         "the receiver does not accept the sender's address: look at SMTP_FROM",
	Elsewhere:       "the route, the server or the mail is at fault, not the mailbox",
	Unclear:         "the code does not say that it is the mailbox",
	Forwarded:       "an address to which the mailed address forwards; the mailed address may reach others",
	OtherFeedback:   "a reader's report, but not a complaint",
	OtherFirm:       "the mail belongs to another firm",
	NotOurs:         "the mail that came back was not sent by portal-invites",
	NoReport:        "not a delivery report",
	NoFirm:          "the report does not quote the mail's header: name the firm with --firm",
	NoRecipient:     "the report does not say who the recipient was",
	BadAddress:      "the recipient is not an address to which the pipeline sends mail",
	Unreadable:      "the report can't be read",
}

// Reasons lists all reasons, sorted by name.
func Reasons() []Reason { return slices.Sorted(maps.Keys(words)) }

// Suppresses says whether the reason suppresses the address (ADR 24, ADR 37).
func (r Reason) Suppresses() bool {
	return r == MailboxUnknown || r == MailboxDisabled || r == Complained
}

// WantsAttention says whether a person must look at the report, because it could not be acted on.
func (r Reason) WantsAttention() bool {
	return r == NoFirm || r == NoRecipient || r == BadAddress || r == Unreadable
}

// byDetail gives the reason for a permanent failure by the subject and detail of its enhanced status code (RFC 3463;
// the registry of RFC 5248), and bySubject by the subject alone. A code in neither table is unclear.
var byDetail = map[string]Reason{
	"1.1":  MailboxUnknown,
	"1.2":  MailboxUnknown, // the domain does not exist
	"1.3":  MailboxUnknown, // the address is not valid
	"1.6":  MailboxUnknown, // the mailbox has moved, and its new address is unknown
	"1.7":  OurSide,
	"1.8":  OurSide,
	"1.10": MailboxUnknown, // the domain takes no mail (RFC 7505); Exchange: no such recipient
	"2.1":  MailboxDisabled,
	"2.2":  MailboxFull,
	"2.3":  TooLarge,
	"3.4":  TooLarge,
	"4.4":  MailboxUnknown, // Postfix: the domain is not in the DNS, or names no mail server
	"4.7":  GaveUp,
}

var bySubject = map[string]Reason{"3": Elsewhere, "4": Elsewhere, "5": Elsewhere, "6": Elsewhere, "7": Policy}

// An SMTP reply in a Diagnostic-Code: "smtp; 550-5.1.1 ...".
var smtpReply = regexp.MustCompile(`^\s*(?i:smtp)\s*;\s*([245])\d\d[ -]+(?:#?([245]\.\d{1,3}\.\d{1,3})\b)?`)

// byWords gives the reason for failures whose text says more than their code.
var byWords = []struct {
	detail string
	words  *regexp.Regexp
	reason Reason
}{
	// Microsoft 365 answers so at its edge if the tenant's directory does not have the recipient.
	{"4.1", regexp.MustCompile(`(?i)recipient address rejected: access denied`), MailboxUnknown},
	// Postfix reports so that the domain accepts no mail (RFC 7505).
	{"1.0", regexp.MustCompile(`\(nullMX\)`), MailboxUnknown},
}

// meaning returns the reason for a failed recipient's codes.
func (r Recipient) meaning() Reason {
	status := r.Status
	// Exim reports 5.0.0 for everything. The diagnostic then has the other server's reply.
	reply := smtpReply.FindStringSubmatch(r.Diagnostic)
	if reply != nil && (status == "" || strings.HasSuffix(status, ".0.0")) {
		status = firstOf(reply[2], reply[1]+".0.0")
	}
	class, detail, coded := strings.Cut(status, ".")
	switch {
	case !coded:
		return Unclear
	case class != "5":
		return GaveUp
	}
	for _, known := range byWords {
		if known.detail == detail && known.words.MatchString(r.Diagnostic) {
			return known.reason
		}
	}
	if reason, known := byDetail[detail]; known {
		return reason
	}
	subject, _, _ := strings.Cut(detail, ".")
	if reason, known := bySubject[subject]; known {
		return reason
	}
	return Unclear
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
