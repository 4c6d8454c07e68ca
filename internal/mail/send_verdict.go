package mail

import (
	"regexp"
	"slices"
)

// Verdict is what a Send means for the invite.
type Verdict string

// What to do next is the caller's; these say only what happened.
const (
	Delivered     Verdict = "delivered"     // the server has taken the mail over
	Retry         Verdict = "retry"         // not taken, and may be another time
	Throttled     Verdict = "throttled"     // not taken because of too much or too fast: wait, without burning an attempt
	Refused       Verdict = "refused"       // not taken, and never will be: this recipient, or this message
	Misconfigured Verdict = "misconfigured" // no mail can go this way until someone mends the settings or the server
	Unknown       Verdict = "unknown"       // the whole mail went out and no reply came: it may or may not be delivered
)

// Stage is how far a Send had come.
type Stage string

// In the order of a conversation.
const (
	StageMessage Stage = "message" // building the mail; the server was not asked
	StageConnect Stage = "connect" // dialling, greeting, EHLO
	StageTLS     Stage = "tls"
	StageAuth    Stage = "auth"
	StageMail    Stage = "mail" // MAIL FROM
	StageRcpt    Stage = "rcpt"
	StageData    Stage = "data" // DATA and the content, up to the final dot
	StageBody    Stage = "body" // after the final dot
)

// Handshake says that no mail was offered yet: whatever went wrong says nothing of any invite.
func (s Stage) Handshake() bool { return s == StageConnect || s == StageTLS || s == StageAuth }

// Result is one attempt. It can be kept and shown as it is: it holds no full email address, no link and no secret.
type Result struct {
	Verdict    Verdict
	Stage      Stage  // where it ended; StageBody if delivered
	Code       int    // the server's reply code, 0 if it gave none
	Enhanced   string // its enhanced status code (RFC 3463), like 5.1.1, or empty
	Said       string // its words, or ours for an error on the way; at most 200 characters
	Server     string // host:port
	ServerName string // what it said of itself in its reply to EHLO, its name as a rule; or empty
	NoMailbox  bool   // as [NoMailbox] says
}

// classify is the whole policy but for [permanent]. local means that the fault is neither a reply nor a broken connection: the
// certificate is not trusted, no way to log in is offered, the address cannot be written for this server.
func classify(stage Stage, code int, enhanced, said string, local bool) Verdict {
	switch {
	case code == 0 && local:
		return permanent(stage, code, enhanced, said)
	case code == 0 && stage == StageBody:
		return Unknown
	case code == 0:
		return Retry
	case code == 421, code == 450, code == 454:
		return Throttled
	case code/100 == 4:
		return Retry
	case code/100 == 5:
		return permanent(stage, code, enhanced, said)
	case stage == StageBody:
		return Unknown // A reply that makes no sense here says nothing about the mail.
	default:
		return Retry
	}
}

// permanent tells a fault of this mail from one of every mail. Before RCPT the server knows nothing of the recipient. Later, it
// may still speak of us: many servers hold back their objections to the client and the sender until RCPT.
func permanent(stage Stage, code int, enhanced, said string) Verdict {
	switch {
	case stage.Handshake(), stage == StageMail,
		slices.Contains(codesAboutUs, code), slices.Contains(enhancedAboutUs, enhanced),
		code != 0 && wordsAboutUs.MatchString(said):
		return Misconfigured
	default:
		return Refused
	}
}

var (
	// The server does not know the command or is out of step (RFC 5321, section 4.2.3), takes no mail at all (RFC 7504), or wants
	// a login or encryption (RFC 4954, section 6).
	codesAboutUs = []int{500, 502, 503, 504, 521, 530, 534, 535, 538}

	// From the registry of RFC 5248: a bad sender address; the login again; the sender's DKIM, SPF, reverse DNS and null MX
	// (RFC 7372, RFC 7505).
	enhancedAboutUs = []string{
		"5.1.7", "5.1.8", "5.7.8", "5.7.9", "5.7.10", "5.7.11", "5.7.12", "5.7.13", "5.7.14",
		"5.7.20", "5.7.21", "5.7.22", "5.7.23", "5.7.24", "5.7.25", "5.7.26", "5.7.27",
	}

	// Under 5.7.1, or no code at all, a server that will not relay for us says so as it does that a recipient takes no mail from
	// strangers. Only the words tell them apart: those of Postfix, Exim, Sendmail, Exchange and qmail for relaying, and of all
	// for a client on a block list.
	wordsAboutUs = regexp.MustCompile(`(?i)\brelay|\brcpthosts\b|\bclient host\b|\bblocked using\b|\bauthentication (is )?required\b|\bsender address rejected\b`)
)

// mailboxGone is which of the refusals are about the mailbox rather than the mail: nobody of that name, moved, disabled, a
// domain without mail (RFC 3463, sections 3.2 and 3.3; 5.1.10 is RFC 7505's null MX). A full mailbox (5.2.2), one that objects
// to the size, the content or the policy (5.2.3, 5.3.4, 5.7.x) may take the next mail.
var mailboxGone = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}

// bareRefusals mean the same in reply to RCPT where the server gives no enhanced code, or none that says anything.
var bareRefusals = []int{550, 551, 553, 556}

// NoMailbox says of a refusal whether it is the mailbox that is refused: nobody gets mail at this address, so the next mail to
// it would be refused as well.
func NoMailbox(v Verdict, stage Stage, code int, enhanced string) bool {
	if v != Refused || code == 0 {
		return false
	}
	bare := enhanced == "" || enhanced == "5.0.0"
	return slices.Contains(mailboxGone, enhanced) || bare && stage == StageRcpt && slices.Contains(bareRefusals, code)
}
