package smtp

import (
	"slices"

	"portal-invites/internal/mail"
)

// classify decides the verdict about what went wrong at a step. mend says what an operator can do, or is empty. local
// means that the fault is neither a reply nor a broken connection: the certificate is not trusted, the server offers no
// login that we know, or the address can't be written for this server.
func classify(step mail.Step, reply mail.Reply, local bool) (v mail.Verdict, mend string) {
	code := reply.Code
	switch {
	case code == 0 && local && (step.Handshake() || step == mail.StepMail):
		return mail.Misconfigured, ""
	case code == 0 && local:
		return mail.Refused, ""
	case code == 0 && step == mail.StepBody:
		return mail.Unknown, ""
	case code == 0:
		return mail.Retry, ""
	case code/100 == 4:
		return deferred(step, reply)
	case code/100 == 5:
		return permanent(step, reply)
	case step == mail.StepBody:
		return mail.Unknown, "" // A reply that makes no sense here says nothing about the mail.
	default:
		return mail.Retry, ""
	}
}

// throttling are the codes that ask for a slower pace.
var throttling = []int{421, 450, 454}

// deferred is the verdict of a 4xx reply. Most of them pass. If the words are about us, it is the same as a refusal.
func deferred(step mail.Step, reply mail.Reply) (v mail.Verdict, mend string) {
	meaning, mend := reply.Meaning()
	switch {
	case meaning == mail.AboutUs && !isSession(step):
		return mail.Misconfigured, mend
	case meaning == mail.OverLimit, slices.Contains(throttling, reply.Code):
		return mail.Throttled, mend
	default:
		return mail.Retry, mend
	}
}

// permanent is the verdict of a 5xx reply. Before RCPT the server does not know the recipient, so it is about us. Later
// it may still be: many servers report objections to the client and the sender only at RCPT. Only what is clearly about
// this recipient is [mail.Refused].
func permanent(step mail.Step, reply mail.Reply) (v mail.Verdict, mend string) {
	meaning, mend := reply.Meaning()
	switch {
	case meaning == mail.OverLimit && !step.Handshake():
		return mail.Throttled, mend
	case meaning == mail.AboutUs, isSession(step):
		return mail.Misconfigured, mend
	case meaning == mail.TooFast:
		return mail.Throttled, ""
	case meaning.Mailbox(), meaning == mail.MailboxFull, meaning == mail.TooLarge, meaning == mail.MembersOnly:
		return mail.Refused, ""
	default:
		return mail.Unclear, ""
	}
}

// isSession says whether a step comes before the server knows the recipient.
func isSession(step mail.Step) bool { return step.Handshake() || step == mail.StepMail }

// outOfStep are replies after which a connection is better closed: the server does not know the command, takes no mail
// at all (RFC 7504), or requires a login or encryption (RFC 4954, section 6).
var outOfStep = []int{500, 502, 503, 504, 521, 530, 534, 535, 538}
