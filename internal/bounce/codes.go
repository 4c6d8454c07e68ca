package bounce

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"portal-invites/internal/mail"
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
	NotFailed     Reason = "not_failed" // delayed, delivered, relayed or expanded
	GaveUp        Reason = "gave_up"    // the sending server gave up after its retry time; the next mail may arrive
	MailboxFull   Reason = "mailbox_full"
	TooLarge      Reason = "too_large"
	TooFast       Reason = "too_fast"        // the mailbox gets too much mail at the moment
	OverLimit     Reason = "over_limit"      // our account may send no more for now
	Policy        Reason = "policy"          // the receiver does not like the mail, or takes none from strangers
	OurSide       Reason = "our_side"        // the sender's address, server, login or reputation is at fault
	Elsewhere     Reason = "not_the_mailbox" // the route, the server or the mail is at fault
	Unclear       Reason = "unclear"         // neither the code nor the words say what is at fault
	Forwarded     Reason = "forwarded"       // an address to which the mailed address forwards
	OtherFeedback Reason = "other_feedback"  // a reader's report that is not a complaint
	OtherFirm     Reason = "other_firm"      // the mail belongs to another firm than the one asked for
	NotOurs       Reason = "not_ours"        // the pipeline did not send the mail that came back
	TooMany       Reason = "too_many"        // a report about one of our mails has one recipient
	NoReport      Reason = "not_a_report"    // an automatic reply, a person's reply, or any other mail
)

// The reasons that a person must look at: the report matters, but it lacks what the pipeline needs.
const (
	NoFirm      Reason = "no_firm"
	WhichMail   Reason = "which_mail" // anybody can write a report that quotes no mail of ours (ADR 155)
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
	TooFast:         "the mailbox gets too much mail at the moment",
	OverLimit:       "the mail account has reached a sending limit",
	Policy:          "the receiver does not want the sender or the mail",
	OurSide:         "the receiver objects to the sender's address, server, login or reputation",
	Elsewhere:       "the route, the server or the mail is at fault, not the mailbox",
	Unclear:         "nothing proves that it is the mailbox",
	Forwarded:       "an address to which the mailed address forwards; the mailed address may reach others",
	OtherFeedback:   "a reader's report, but not a complaint",
	OtherFirm:       "the mail belongs to another firm",
	NotOurs:         "the mail that came back was not sent by portal-invites",
	NoReport:        "not a delivery report",
	NoFirm:          "the report does not quote the mail's header: name the firm with --firm",
	WhichMail:       "the report does not say which mail came back, so it proves nothing: look at it, or use --unproven",
	TooMany:         "the report names more recipients than a mail of ours has",
	NoRecipient:     "the report does not say who the recipient was",
	BadAddress:      "the recipient is not an address to which the pipeline sends mail",
	Unreadable:      "the report can't be read",
}

// Reasons lists all reasons, sorted by name.
func Reasons() []Reason { return slices.Sorted(maps.Keys(words)) }

// Suppresses says whether the reason suppresses the address (ADR 100).
func (r Reason) Suppresses() bool {
	return r == MailboxUnknown || r == MailboxDisabled || r == Complained
}

// Fails says whether the reason is one for which a mail came back, so that its invite fails.
func (r Reason) Fails() bool {
	switch r {
	case MailboxUnknown, MailboxDisabled, GaveUp, MailboxFull, TooLarge, TooFast, OverLimit, Policy, OurSide, Elsewhere,
		Unclear:
		return true
	case Complained, NotFailed, Forwarded, OtherFeedback, OtherFirm, NotOurs, NoReport, TooMany, NoFirm, WhichMail,
		NoRecipient, BadAddress, Unreadable:
	}
	return false
}

// WantsAttention says whether a person must look at the report, because it could not be acted on.
func (r Reason) WantsAttention() bool {
	return r == NoFirm || r == WhichMail || r == NoRecipient || r == BadAddress || r == Unreadable
}

// reasonOf gives the reason for each meaning of a refusal.
var reasonOf = map[mail.Meaning]Reason{
	mail.NoSuchMailbox:   MailboxUnknown,
	mail.MailboxDisabled: MailboxDisabled,
	mail.MailboxFull:     MailboxFull,
	mail.TooLarge:        TooLarge,
	mail.MembersOnly:     Policy,
	mail.TooFast:         TooFast,
	mail.AboutContent:    Policy,
	mail.ProvidersList:   Policy,
	mail.AboutRoute:      Elsewhere,
	mail.AboutUs:         OurSide,
	mail.OverLimit:       OverLimit,
	mail.NothingClear:    Unclear,
}

// quotedReply finds an SMTP reply in a diagnostic: "550-5.1.1 ...", or as old Postfix writes it, "host x said: 550".
var quotedReply = regexp.MustCompile(`(?s)(?:^|\bsaid: )\s*([245]\d\d)(?:[ -]+#?([245]\.\d{1,3}\.\d{1,3})\b)?(.*)`)

// diagnostic reads a Diagnostic-Code. found says whether it has a server's reply. Otherwise the words are the reporting
// server's own. Other types, such as the output of a local program, prove nothing.
func (r Recipient) diagnostic() (reply mail.Reply, found bool) {
	kind, text, _ := strings.Cut(r.Diagnostic, ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind != "smtp" && kind != "x-postfix" {
		return mail.Reply{}, false
	}
	match := quotedReply.FindStringSubmatch(text)
	if match == nil {
		return mail.Reply{Words: text}, false
	}
	code, _ := strconv.Atoi(match[1])
	words := strings.TrimLeft(match[3], " -")
	return mail.Reply{Code: code, Enhanced: cmp.Or(match[2], mail.EnhancedIn(words)), Words: words}, true
}

// meaning returns the reason for a failed recipient (ADR 100), and the reply that gives it. What the other server said
// wins over the status, which the reporting server may have made up: sendmail makes 5.1.1 of any 550, and Exim 5.0.0.
func (r Recipient) meaning() (Reason, mail.Reply) {
	reply, found := r.diagnostic()
	class, detail, coded := strings.Cut(r.Status, ".")
	switch {
	case coded && class != "5", coded && detail == "4.7", found && reply.Code/100 != 5:
		if coded {
			return GaveUp, mail.Reply{Enhanced: r.Status} // the reply may say anything: it was not the end
		}
		return GaveUp, reply
	case !coded && !found:
		return Unclear, mail.Reply{}
	case !found:
		reply.Code, reply.Enhanced = 550, r.Status
	}
	meaning, _ := reply.Meaning()
	if meaning == mail.NothingClear && reply.Enhanced == "" {
		// A status that is all that speaks of the mailbox is no proof, because the reply did not say so.
		byStatus := mail.Reply{Code: reply.Code, Enhanced: r.Status}
		if other, _ := byStatus.Meaning(); !other.Mailbox() {
			meaning, reply = other, byStatus
		}
	}
	return reasonOf[meaning], reply
}
