package mail

// Verdict is what an attempt to send a message means for the invite.
type Verdict string

// Verdicts say only what happened. The caller decides what to do next.
const (
	Delivered     Verdict = "delivered"     // the server has taken the mail
	Retry         Verdict = "retry"         // not taken; a later attempt may succeed
	Throttled     Verdict = "throttled"     // not taken, too many or too fast: wait, at no cost to the invite
	Refused       Verdict = "refused"       // not taken and never will be: it is about this recipient or this message
	Unclear       Verdict = "unclear"       // refused, and nothing says whether that is about this mail or about us
	Misconfigured Verdict = "misconfigured" // no mail is taken until someone fixes the settings or the server
	Unknown       Verdict = "unknown"       // the whole mail was sent and no reply came: it may or may not have arrived
)

// Step is how far an SMTP conversation came.
type Step string

// The steps, in the order of a conversation.
const (
	StepMessage Step = "message" // building the mail; the server was not asked
	StepConnect Step = "connect" // dialling, greeting, EHLO
	StepTLS     Step = "tls"
	StepAuth    Step = "auth"
	StepMail    Step = "mail" // MAIL FROM
	StepRcpt    Step = "rcpt"
	StepData    Step = "data"  // DATA and the content, up to the final dot
	StepBody    Step = "body"  // after the final dot
	StepAfter   Step = "after" // after the server took the mail: it came back, as a report says
)

// Handshake says whether the step is before any mail: what goes wrong there says nothing about an invite.
func (s Step) Handshake() bool { return s == StepConnect || s == StepTLS || s == StepAuth }

// Result is the result of one attempt. It can be stored and shown unchanged: it contains no full email address, no link
// and no secret.
type Result struct {
	Verdict    Verdict
	Step       Step   // where it ended; StepBody if delivered
	Code       int    // the server's reply code, 0 if it gave none
	Enhanced   string // its enhanced status code (RFC 3463), like 5.1.1, or empty
	Said       string // its words, or ours if the connection failed; at most 200 characters
	Server     string // host:port
	ServerName string // from its reply to EHLO, usually its name; or empty
	NoMailbox  bool   // Refused, because nobody receives mail at this address: see [NoMailbox]
	Mend       string // what an operator can do if the server refuses or limits us; or empty
	Withheld   bool   // Retry, because the mail was not allowed to leave; the server has not got it
}

// NoMailbox says whether a refusal proves that nobody receives mail at the address, so that the next mail would be
// refused, too. It looks at what is on record: the codes and the words that were kept.
func NoMailbox(v Verdict, code int, enhanced, said string) bool {
	if v != Refused || code == 0 {
		return false
	}
	meaning, _ := Reply{Code: code, Enhanced: enhanced, Words: said}.Meaning()
	return meaning.Mailbox()
}
