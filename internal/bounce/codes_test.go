package bounce

import (
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

// TestCodes states the table of docs/bounces.md.
func TestCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status, diagnostic string
		want               Reason
	}{
		{"5.1.1", "", MailboxUnknown},
		{"5.1.2", "", MailboxUnknown},
		{"5.1.3", "", MailboxUnknown},
		{"5.1.6", "", MailboxUnknown},
		{"5.1.10", "", MailboxUnknown},
		{"5.4.4", "X-Postfix; Host or domain name not found. Name service error for name=x.example type=A: Host not found",
			MailboxUnknown},
		{"5.4.1", "smtp;550 5.4.1 Recipient address rejected: Access denied. AS(1)", MailboxUnknown},
		{"5.1.0", "X-Postfix; Domain x.example does not accept mail (nullMX)", MailboxUnknown},
		{"5.2.1", "", MailboxDisabled},

		{"5.2.2", "", MailboxFull},
		{"5.2.3", "", TooLarge},
		{"5.3.4", "", TooLarge},
		{"5.1.7", "", OurSide},
		{"5.1.8", "", OurSide},
		{"5.7.1", "smtp; 550 5.7.1 user unknown", Policy}, // a server may write any text: only its code has a set meaning
		{"5.7.26", "", OurSide},
		{"5.4.5", "", OverLimit},
		{"5.4.4", "", Elsewhere}, // it may be the resolver
		{"5.4.4", "X-Postfix; Host or domain name not found. Name service error for name=x.example type=MX: " +
			"Host not found, try again", Elsewhere},
		{"5.3.0", "", Elsewhere},
		{"5.4.1", "", Elsewhere},
		{"5.4.6", "", Elsewhere},
		{"5.5.0", "", Elsewhere},
		{"5.6.3", "", Elsewhere},
		{"5.4.7", "", GaveUp},
		{"4.1.1", "", GaveUp},
		{"4.4.7", "smtp; 550 5.1.1 no", GaveUp}, // the report's own code wins over the last attempt's

		{"5.1.0", "", Unclear},
		{"5.1.4", "", Unclear},
		{"5.2.0", "", Unclear},
		{"5.2.4", "", Unclear},
		{"5.8.1", "", Unclear},
		{"5.0.0", "", Unclear},
		{"", "", Unclear},

		// If the status says nothing, the other server's reply decides.
		{"5.0.0", "smtp; 550 5.1.1 no such user", MailboxUnknown},
		{"5.0.0", "smtp; 550-5.1.1 no such\n user", MailboxUnknown},
		{"5.0.0", "SMTP;550 #5.1.1 no such user", MailboxUnknown},
		{"5.0.0", "smtp; 552 5.2.2 full", MailboxFull},
		{"5.0.0", "smtp; 451 try again", GaveUp},
		{"5.0.0", "smtp; 451 4.7.1 greylisted", GaveUp},
		{"5.0.0", "smtp; 550 no such user", MailboxUnknown},
		{"5.0.0", "smtp; 550 Administrative prohibition", Unclear},
		{"5.0.0", "smtp; 550", Unclear},
		{"5.0.0", "smtp; 550 blocked, see 5.1.1 of our rules", Unclear},
		{"5.0.0", "x-unix; 550 5.1.1 no", Unclear},
		{"", "smtp; 550 5.1.1 no such user", MailboxUnknown},

		// The diagnostic's own code wins where the status says another thing.
		{"5.1.1", "smtp; 550 5.7.1 blocked", Policy},
		{"5.1.1", "smtp; 552 5.2.2 full", MailboxFull},
		{"5.7.1", "smtp; 550 5.1.1 no such user", MailboxUnknown},
		{"5.1.1", "smtp; 450 4.2.1 too busy", GaveUp},
		// sendmail makes 5.1.1 of a bare 550, so the words must say it as well.
		{"5.1.1", "smtp; 550 Administrative prohibition", Unclear},
		{"5.1.1", "smtp; 550 user unknown", MailboxUnknown},
		{"5.2.2", "smtp; 552 no", MailboxFull},
		{"5.1.1", "X-Postfix; unknown user: \"dana\"", MailboxUnknown},
		{"5.0.0", "X-Postfix; host mx.x.example[192.0.2.7] said: 550 5.1.1 <dana@x.example> no (in reply to RCPT TO command)",
			MailboxUnknown},
		{"5.0.0", "X-Postfix; host mx.x.example[192.0.2.7] said: 550 <dana@x.example>: User unknown " +
			"(in reply to RCPT TO command)", MailboxUnknown},
	} {
		recipient := Recipient{Action: "failed", Status: test.status, Diagnostic: test.diagnostic}
		if got, _ := recipient.meaning(); got != test.want {
			t.Errorf("status %q, diagnostic %q: %s, want %s", test.status, test.diagnostic, got, test.want)
		}
	}
}

// The refusals in the words of real servers mean the same in a report. Whatever the reporting server makes of them, no
// reply suppresses that is not about the mailbox.
func TestRefusalsInReports(t *testing.T) {
	t.Parallel()
	for _, f := range mailtest.Refusals(t) {
		want := Reason(f.InReport)
		if want.Words() == "" {
			t.Errorf("%s: %q is not a reason", f.Reply, want)
		}
		for _, diagnostic := range []string{
			"smtp; " + f.Reply, "SMTP;" + f.Reply, "X-Postfix; host mx.x.example[192.0.2.7] said: " + f.Reply,
		} {
			for _, status := range []string{"5.0.0", "5.1.1", "5.2.1", ""} {
				got, reply := Recipient{Action: "failed", Status: status, Diagnostic: diagnostic}.meaning()
				if code, enhanced := events.SplitCode(codeOf(reply)); !sameProof(got, code, enhanced, reply.Words) {
					t.Errorf("status %q, %s: %s, and the pipeline decides otherwise by %q", status, diagnostic, got, codeOf(reply))
				}
				if status == "5.0.0" && got != want || got.Suppresses() != want.Suppresses() {
					t.Errorf("status %q, %s: %s, want %s", status, diagnostic, got, want)
				}
			}
		}
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, r := range Reasons() {
		if r.Words() == "" || strings.HasSuffix(r.Words(), ".") {
			t.Errorf("%s: %q", r, r.Words())
		}
		if r.Suppresses() && r.WantsAttention() {
			t.Errorf("%s both suppresses and wants attention", r)
		}
	}
}

func TestAddressesOfReports(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"rfc822;dana@x.example":                   "dana@x.example",
		"RFC822 ; <dana@x.example>":               "dana@x.example",
		"rfc822; dana@x.example (Dana Wu)":        "dana@x.example",
		"dana@x.example":                          "dana@x.example",
		`utf-8; J\x{F6}rg@x.example`:              "Jörg@x.example",
		`utf-8; a\x{FFFFFF}b\x{110000}@x.example`: "a\ufffdb\ufffd@x.example",
		"x400;/c=us/a=x/":                         "",
		"unknown;dana@x.example":                  "",
		"":                                        "",
	} {
		if got := typedAddress(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func TestTheMailedAddressIsFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		original, final, mailed string
		want                    string
		forwarded               bool
	}{
		{"dana@x.example", "dana@x.example", "Dana@X.example", "dana@x.example", false},
		{"", "dana@x.example", "dana@x.example", "dana@x.example", false},
		{"dana@x.example", "box7@inner.example", "dana@x.example", "dana@x.example", false},
		{"", "box7@inner.example", "dana@x.example", "dana@x.example", true},
		{"dana+2Btag@x.example", "", "dana+tag@x.example", "dana+tag@x.example", false},
		{"dana+AB@x.example", "", "dana+AB@x.example", "dana+ab@x.example", false},
		// Without the quoted mail, the address that the sender named wins over the final one.
		{"dana@x.example", "box7@inner.example", "", "dana@x.example", false},
		{"", "dana@x.example", "", "dana@x.example", false},
		{"dana+2Btag@x.example", "dana+tag@x.example", "", "dana+tag@x.example", false},
		{"dana+AB@x.example", "", "", "dana+ab@x.example", false},
		{"", "", "", "", false},
		{"", "", "dana@x.example", "dana@x.example", false},
	} {
		email, forwarded := Recipient{Original: test.original, Final: test.final}.resolve(test.mailed)
		if email.Normal != test.want || forwarded != test.forwarded {
			t.Errorf("%+v: %s, forwarded %v", test, email.Normal, forwarded)
		}
	}
}

// sameProof says whether the pipeline, which decides by the code and the words of a MailReported, suppresses an address
// in the cases in which this package says so.
func sameProof(reason Reason, code int, enhanced, words string) bool {
	meaning, _ := mail.ReplyInReport(code, enhanced, mail.Speakable(words)).Meaning()
	return meaning.Mailbox() == reason.Suppresses()
}
