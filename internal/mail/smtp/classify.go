package smtp

import (
	"regexp"
	"slices"

	"portal-invites/internal/mail"
)

// classify decides the verdict; [permanent] does so for faults that do not pass. local means that the fault is neither
// a reply nor a broken connection: the certificate is not trusted, the server offers no login that we know, or the
// address can't be written for this server.
func classify(step mail.Step, code int, enhanced, said string, local bool) mail.Verdict {
	switch {
	case code == 0 && local:
		return permanent(step, code, enhanced, said)
	case code == 0 && step == mail.StepBody:
		return mail.Unknown
	case code == 0:
		return mail.Retry
	case code == 421, code == 450, code == 454:
		return mail.Throttled
	case code/100 == 4:
		return mail.Retry
	case code/100 == 5:
		return permanent(step, code, enhanced, said)
	case step == mail.StepBody:
		return mail.Unknown // A reply that makes no sense here says nothing about the mail.
	default:
		return mail.Retry
	}
}

// permanent distinguishes a fault of this mail from one of every mail. Before RCPT the server does not know the
// recipient. Later it may still be about us: many servers report objections to the client and the sender only at RCPT.
func permanent(step mail.Step, code int, enhanced, said string) mail.Verdict {
	switch {
	case step.Handshake(), step == mail.StepMail,
		slices.Contains(codesAboutUs, code), slices.Contains(enhancedAboutUs, enhanced),
		code != 0 && wordsAboutUs.MatchString(said):
		return mail.Misconfigured
	default:
		return mail.Refused
	}
}

var (
	// The server does not know the command or is out of step (RFC 5321, section 4.2.3), takes no mail at all (RFC 7504),
	// or requires a login or encryption (RFC 4954, section 6).
	codesAboutUs = []int{500, 502, 503, 504, 521, 530, 534, 535, 538}

	// From the registry of RFC 5248: a bad sender address; the login; the sender's DKIM, SPF, reverse DNS and null MX (RFC
	// 7372, RFC 7505).
	enhancedAboutUs = []string{
		"5.1.7", "5.1.8", "5.7.8", "5.7.9", "5.7.10", "5.7.11", "5.7.12", "5.7.13", "5.7.14",
		"5.7.20", "5.7.21", "5.7.22", "5.7.23", "5.7.24", "5.7.25", "5.7.26", "5.7.27",
	}

	// With 5.7.1 or no code, the same reply can mean that the server does not relay for us, or that the recipient takes no
	// mail from strangers. Only the words distinguish them (ADR 38): those of Postfix, Exim, Sendmail, Exchange and qmail
	// about relaying, and of all of them about a client on a block list.
	wordsAboutUs = regexp.MustCompile(`(?i)\brelay|\brcpthosts\b|\bclient host\b|\bblocked using\b|` +
		`\bauthentication (is )?required\b|\bsender address rejected\b`)
)
