package mail

import "slices"

// Verdict is what an attempt to send a message means for the invite.
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

// Step is how far an attempt had come.
type Step string

// In the order of a conversation.
const (
	StepMessage Step = "message" // building the mail; the server was not asked
	StepConnect Step = "connect" // dialling, greeting, EHLO
	StepTLS     Step = "tls"
	StepAuth    Step = "auth"
	StepMail    Step = "mail" // MAIL FROM
	StepRcpt    Step = "rcpt"
	StepData    Step = "data" // DATA and the content, up to the final dot
	StepBody    Step = "body" // after the final dot
)

// Handshake says that no mail was offered yet: whatever went wrong says nothing of any invite.
func (s Step) Handshake() bool { return s == StepConnect || s == StepTLS || s == StepAuth }

// Result is one attempt. It can be kept and shown as it is: it holds no full email address, no link and no secret.
type Result struct {
	Verdict    Verdict
	Step       Step   // where it ended; StepBody if delivered
	Code       int    // the server's reply code, 0 if it gave none
	Enhanced   string // its enhanced status code (RFC 3463), like 5.1.1, or empty
	Said       string // its words, or ours for an error on the way; at most 200 characters
	Server     string // host:port
	ServerName string // what it said of itself in its reply to EHLO, its name as a rule; or empty
	NoMailbox  bool   // as [NoMailbox] says
}

// mailboxGone is which of the refusals are about the mailbox rather than the mail: nobody of that name, moved, disabled, a
// domain without mail (RFC 3463, sections 3.2 and 3.3; 5.1.10 is RFC 7505's null MX). A full mailbox (5.2.2), one that objects
// to the size, the content or the policy (5.2.3, 5.3.4, 5.7.x) may take the next mail.
var mailboxGone = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}

// bareRefusals mean the same in reply to RCPT where the server gives no enhanced code, or none that says anything.
var bareRefusals = []int{550, 551, 553, 556}

// NoMailbox says of a refusal whether it is the mailbox that is refused: nobody gets mail at this address, so the next mail to
// it would be refused as well.
func NoMailbox(v Verdict, stage Step, code int, enhanced string) bool {
	if v != Refused || code == 0 {
		return false
	}
	bare := enhanced == "" || enhanced == "5.0.0"
	return slices.Contains(mailboxGone, enhanced) || bare && stage == StepRcpt && slices.Contains(bareRefusals, code)
}
