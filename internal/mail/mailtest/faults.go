package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// faultTable has a row for each point where a server can misbehave and a column for each way. T is throttled, R retry,
// M misconfigured, X refused, ? unclear, U unknown, D delivered. "=" says that the connection is kept for the next
// mail, "!" that the mailbox is gone. After a refusal about us, or an unclear one, none is kept. "-" says that there is
// no such fault, or that go-mail has read it before we could look: the EHLO under TLS.
const faultTable = `
at       |421|450|451|452|454|503|530|535|550|550 5.1.1|550 5.7.1|552|553|554|garbage|half|long|drop|hang|step
greet    |T  |T  |R  |R  |T  |M  |M  |M  |M  |M        |M        |M  |M  |M  |R      |R   |R   |R   |R   |connect
EHLO     |T  |T  |R  |R  |T  |M  |M  |M  |M  |M        |M        |M  |M  |M  |R      |R   |R   |R   |R   |connect
STARTTLS |T  |T  |R  |R  |T  |M  |M  |M  |M  |M        |M        |M  |M  |M  |R      |R   |R   |R   |R   |tls
handshake|-  |-  |-  |-  |-  |-  |-  |-  |-  |-        |-        |-  |-  |-  |M      |R   |M   |R   |R   |tls
EHLO/tls |T  |T  |R  |R  |T  |M  |M  |M  |M  |M        |M        |M  |M  |M  |R      |-   |-   |R   |R   |tls
AUTH     |T  |T  |R  |R  |T  |M  |M  |M  |M  |M        |M        |M  |M  |M  |R      |R   |R   |R   |R   |auth
MAIL     |T  |T= |R= |R= |T= |M  |M  |M  |M  |M        |M        |M  |M  |M  |R      |R   |R   |R   |R   |mail
RCPT     |T  |T= |R= |R= |T= |M  |M  |M  |?  |X=!      |?        |?  |?  |?  |R      |R   |R   |R   |R   |rcpt
DATA     |T  |T= |R= |R= |T= |M  |M  |M  |?  |X=!      |?        |?  |?  |?  |R      |R   |R   |R   |R   |data
content  |-  |-  |-  |-  |-  |-  |-  |-  |-  |-        |-        |-  |-  |-  |-      |-   |-   |R   |R   |data
.        |T  |T= |R= |R= |T= |M  |M  |M  |?  |X=!      |?        |?  |?  |?  |U      |U   |U   |U   |U   |body
QUIT     |D= |D= |D= |D= |D= |D= |D= |D= |D= |D=       |D=       |D= |D= |D= |D=     |D=  |D=  |D=  |D=  |body
`

var verdicts = map[byte]string{
	'T': "throttled", 'R': "retry", 'M': "misconfigured", 'X': "refused", '?': "unclear", 'U': "unknown", 'D': "delivered",
}

// Fault is one cell of the table, without or with TLS: what the server does, and what the result must be.
type Fault struct {
	Verb string         // where the server misbehaves, as in [Script]
	Kind string         // how: the head of the column
	Cert *tls.Config    // the server's; nil: without TLS
	CAs  *x509.CertPool // the pool that trusts Cert

	Grouped bool // the server offers PIPELINING, so that commands are sent together
	Behind  bool // the mail is chained to one before it, which the server takes
	Ahead   bool // another mail is chained to this one, and the server takes that one

	Verdict, Step string
	Code          int    // of the deciding reply; 0: there is none
	Enhanced      string // of that reply
	Kept          bool   // whether the connection is kept for the next mail
	Gone          bool   // whether the mailbox is gone
}

// Faults are all cells of the table.
func Faults(tb testing.TB) (all []Fault) {
	tb.Helper()
	cert, cas := TLS(tb)
	rows := strings.Split(strings.TrimSpace(faultTable), "\n")
	kinds := tableCells(rows[0])
	for _, row := range rows[1:] {
		cells := tableCells(row)
		last := len(cells) - 1
		for i := 1; i < last; i++ {
			if cells[i] == "-" {
				continue
			}
			f := Fault{
				Verb: cells[0], Kind: kinds[i], Verdict: verdicts[cells[i][0]], Step: cells[last],
				Kept: strings.Contains(cells[i], "="), Gone: strings.Contains(cells[i], "!"),
			}
			f.Code, f.Enhanced = f.reply()
			if f.inTheClear() {
				all = append(all, f)
				all = append(all, f.together()...)
			}
			if f.Cert, f.CAs = cert, cas; f.underTLS() {
				all = append(all, f)
			}
		}
	}
	return all
}

// together are the cell in all ways in which commands are sent together.
func (f Fault) together() (all []Fault) {
	if !f.inTransaction() {
		return nil
	}
	f.Grouped = true
	all = append(all, f)
	f.Behind = true
	all = append(all, f)
	if f.Verb == "content" || f.Verb == "." {
		f.Behind, f.Ahead = false, true
		all = append(all, f)
	}
	return all
}

func tableCells(row string) []string {
	cells := strings.Split(row, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// inTheClear is false for what needs TLS.
func (f Fault) inTheClear() bool {
	return f.Verb != "STARTTLS" && f.Verb != "handshake" && f.Verb != "EHLO/tls"
}

// inTransaction says whether the fault comes behind the login.
func (f Fault) inTransaction() bool {
	return slices.Contains([]string{"MAIL", "RCPT", "DATA", "content", "."}, f.Verb)
}

// underTLS is false for what is the same under TLS.
func (f Fault) underTLS() bool { return f.Verb != "greet" && f.Verb != "EHLO" && f.Verb != "content" }

// Name names the cell, for a subtest.
func (f Fault) Name() string {
	switch {
	case f.Behind:
		return f.Verb + " " + f.Kind + " behind another mail"
	case f.Ahead:
		return f.Verb + " " + f.Kind + " ahead of another mail"
	case f.Grouped:
		return f.Verb + " " + f.Kind + " in a group"
	case f.Cert != nil:
		return f.Verb + " " + f.Kind + " under TLS"
	default:
		return f.Verb + " " + f.Kind
	}
}

// reply is the part of the server's reply that is recorded. Replies after the mail was taken are not.
func (f Fault) reply() (code int, enhanced string) {
	if f.Verb == "QUIT" {
		return 250, "2.0.0"
	}
	words, enhanced, _ := strings.Cut(f.Kind, " ")
	code, err := strconv.Atoi(words)
	if err != nil {
		return 0, "" // garbage, or nothing
	}
	return code, enhanced
}

// Start starts a server with the fault on every connection. It asks for a login, as the user "user" with any password.
func (f Fault) Start(tb testing.TB) *Server {
	tb.Helper()
	text, own := map[string]string{"garbage": "what?", Drop: Drop, Hang: Hang, Half: Half, Long: Long}[f.Kind]
	if !own {
		text = f.Kind + " said so about <dana.wu@example.com>"
	}
	play := Script{f.Verb: text}
	switch {
	case f.Cert != nil:
		play["EHLO"] = "250-scripted.example\r\n250 STARTTLS"
		return StartTLS(tb, f.Cert, play)
	case f.Behind: // if MAIL fails, the sender tries once more on a new connection
		return Start(tb, Script{f.later(): text, "EHLO": offers}, Script{f.Verb: text, "EHLO": offers})
	case f.Ahead:
		return Start(tb, Script{f.first(): text, "EHLO": offers}, Script{"EHLO": offers})
	case f.Grouped:
		play["EHLO"] = offers
	}
	return Start(tb, play)
}

// offers is the reply to EHLO of a server that takes commands together.
const offers = "250-scripted.example\r\n250-PIPELINING\r\n250 AUTH PLAIN"

// later is the key of the fault in a [Script], on a connection that has carried a mail.
func (f Fault) later() string {
	if f.Verb == "." {
		return ". after 2"
	}
	return f.Verb + " after 1"
}

// first is its key if it happens to the first mail of a connection alone.
func (f Fault) first() string {
	if f.Verb == "." {
		return ". after 1"
	}
	return f.Verb + " after 0"
}

// Content is an HTML text to send. For a fault within the content it is larger than any socket buffer.
func (f Fault) Content() string {
	if f.Verb == "content" {
		return strings.Repeat(strings.Repeat("x", 70)+"\n", 200_000)
	}
	return "<p>Grüße</p>\n"
}
