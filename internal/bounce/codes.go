package bounce

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Reason says why an address is suppressed, or why not.
type Reason string

// The reasons for a suppression.
const (
	MailboxUnknown  Reason = "mailbox_unknown"
	MailboxDisabled Reason = "mailbox_disabled"
	Complained      Reason = "complaint"
)

// The reasons to leave an address alone: what the report says is no verdict on the mailbox.
const (
	NotFailed     Reason = "not_failed"      // delayed, delivered, relayed or expanded
	GaveUp        Reason = "gave_up"         // tried until the time was over; the next mail may arrive
	MailboxFull   Reason = "mailbox_full"    // X.2.2
	TooLarge      Reason = "too_large"       // X.2.3, X.3.4
	Policy        Reason = "policy"          // X.7.X: the receiver does not like the sender or the mail
	OurSide       Reason = "our_side"        // X.1.7, X.1.8: the sender's address is what is wrong
	Elsewhere     Reason = "not_the_mailbox" // the route's, the server's or the mail's fault
	Unclear       Reason = "unclear"         // a failure whose code does not say whose fault it is
	Forwarded     Reason = "forwarded"       // an address behind the one that was mailed
	OtherFeedback Reason = "other_feedback"  // a reader's report that is no complaint
	OtherFirm     Reason = "other_firm"      // the mail was another firm's than the one asked for
	NotOurs       Reason = "not_ours"        // somebody else's mail came back
	NoReport      Reason = "not_a_report"    // an automatic answer, a person's, anything
)

// The reasons that want a person: the report can't be acted on, and should.
const (
	NoFirm      Reason = "no_firm"
	NoRecipient Reason = "no_recipient"
	BadAddress  Reason = "bad_address"
	Unreadable  Reason = "unreadable"
)

// Words says the reason to a person.
func (r Reason) Words() string { return words[r] }

var words = map[Reason]string{
	MailboxUnknown:  "there is no such mailbox, or its domain takes no mail",
	MailboxDisabled: "the mailbox is disabled",
	Complained:      "its reader reported the mail as spam",
	NotFailed:       "the mail is not lost (yet)",
	GaveUp:          "the server was tried until the time was over; the next mail may arrive",
	MailboxFull:     "the mailbox is full",
	TooLarge:        "the mail is too large for it",
	Policy:          "the receiver does not want the sender or the mail",
	OurSide:         "the receiver does not accept our own address: look at SMTP_FROM",
	Elsewhere:       "the route, the server or the mail is at fault, not the mailbox",
	Unclear:         "the code does not say that it is the mailbox",
	Forwarded:       "an address behind the one that was mailed, which may reach others",
	OtherFeedback:   "a reader's report, but no complaint",
	OtherFirm:       "the mail was another firm's",
	NotOurs:         "the mail that came back was not sent by portal-invites",
	NoReport:        "not a delivery report",
	NoFirm:          "the report does not quote the mail's header: say whose it is with --firm",
	NoRecipient:     "the report does not say who the recipient was",
	BadAddress:      "the recipient is not an address that mail is sent to here",
	Unreadable:      "the report can't be read",
}

// Reasons lists all there are, in the order of their names.
func Reasons() []Reason { return slices.Sorted(maps.Keys(words)) }

// Suppresses says whether the address must get no more mail.
func (r Reason) Suppresses() bool {
	return r == MailboxUnknown || r == MailboxDisabled || r == Complained
}

// WantsAttention says whether a person must look: something that should count could not.
func (r Reason) WantsAttention() bool {
	return r == NoFirm || r == NoRecipient || r == BadAddress || r == Unreadable
}

// byDetail is what a permanent failure means by the subject and detail of its
// enhanced status code (RFC 3463; the registry of RFC 5248). What stands in
// neither table is unclear.
var byDetail = map[string]Reason{
	"1.1":  MailboxUnknown,
	"1.2":  MailboxUnknown, // the domain does not exist
	"1.3":  MailboxUnknown, // an address that cannot be
	"1.6":  MailboxUnknown, // moved, and nobody knows where to
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

// byWords are failures whose code says less than the words behind it.
var byWords = []struct {
	detail string
	words  *regexp.Regexp
	reason Reason
}{
	// Microsoft 365 refuses so at its edge whom the tenant's directory does not know.
	{"4.1", regexp.MustCompile(`(?i)recipient address rejected: access denied`), MailboxUnknown},
	// Postfix, where the domain says that it takes no mail (RFC 7505).
	{"1.0", regexp.MustCompile(`\(nullMX\)`), MailboxUnknown},
}

// meaning says what a failed recipient's codes mean.
func (r Recipient) meaning() Reason {
	status := r.Status
	// Exim reports 5.0.0 for everything. The other server's reply stands in the diagnostic then.
	if reply := smtpReply.FindStringSubmatch(r.Diagnostic); reply != nil && (status == "" || strings.HasSuffix(status, ".0.0")) {
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
