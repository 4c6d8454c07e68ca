package mail

import (
	"regexp"
	"slices"
	"strings"
)

// Reply is what a mail server says when it does not take a mail: in an SMTP conversation, or quoted in a report.
type Reply struct {
	Code     int    // of three digits, like 550; 0 if a report has none
	Enhanced string // its enhanced status code (RFC 3463), like 5.1.1, or empty
	Words    string // what follows the codes
}

// Meaning says what a refusal is about (ADR 100). Mailbox servers and our own relay use the same codes for both, so a
// table of codes and words decides: replies.go.
type Meaning string

// The meanings.
const (
	NoSuchMailbox   Meaning = "no_such_mailbox"  // nobody receives mail at this address
	MailboxDisabled Meaning = "mailbox_disabled" // it exists, and takes no mail any more
	MailboxFull     Meaning = "mailbox_full"
	TooLarge        Meaning = "too_large"
	MembersOnly     Meaning = "members_only" // this recipient takes no mail from strangers
	TooFast         Meaning = "too_fast"     // this recipient gets too much mail at the moment
	AboutContent    Meaning = "about_content"
	ProvidersList   Meaning = "providers_list" // our provider sends nothing there: the address is on a list of its own
	AboutRoute      Meaning = "about_route"    // the way to the mailbox, or the server behind it
	AboutUs         Meaning = "about_us"       // our login, address, name or reputation: any mail would be refused
	OverLimit       Meaning = "over_limit"     // our account may send no more for now
	NothingClear    Meaning = "nothing_clear"
)

// Mailbox says whether the meaning proves that nobody receives mail at the address. Only then it may be suppressed.
func (m Meaning) Mailbox() bool { return m == NoSuchMailbox || m == MailboxDisabled }

// Meaning returns what the reply is about. If an operator can end the trouble, mend says how, as an order. The first
// row of the table that fits decides. A 4xx reply has a meaning only if it is about us.
func (r Reply) Meaning() (m Meaning, mend string) {
	words := plainWords(r.Words)
	for _, row := range replies {
		if row.fits(r, words) {
			return row.means, row.mend
		}
	}
	return NothingClear, ""
}

// ReplyInReport makes a reply of what a report says about a mail that came back. A report may have an enhanced code
// alone.
func ReplyInReport(code int, enhanced, words string) Reply {
	if code == 0 && enhanced != "" {
		code = int(enhanced[0]-'0')*100 + 50 // 4.4.7 is a refusal for now, as 450
	}
	return Reply{Code: code, Enhanced: enhanced, Words: words}
}

// row is a row of the table. It fits if everything that it names fits.
type row struct {
	codes    []int          // the reply's own codes
	enhanced []string       // enhanced codes; one that ends with a dot stands for all that begin so
	silent   bool           // only if there is no enhanced code, or one that says nothing
	words    *regexp.Regexp // what the server says
	soft     bool           // a 4xx reply says it as well

	means Meaning
	mend  string
}

func (w row) fits(r Reply, words string) bool {
	switch {
	case r.Code/100 == 4 && !w.soft:
		return false
	case w.codes != nil && !slices.Contains(w.codes, r.Code):
		return false
	case w.enhanced != nil && !w.hasEnhanced(r.Enhanced):
		return false
	case w.silent && !silent(r.Enhanced):
		return false
	default:
		return w.words == nil || w.words.MatchString(words)
	}
}

func (w row) hasEnhanced(enhanced string) bool {
	for _, code := range w.enhanced {
		if code == enhanced || strings.HasSuffix(code, ".") && strings.HasPrefix(enhanced, code) {
			return true
		}
	}
	return false
}

// silent says whether an enhanced code leaves open what is at fault: it is missing, or its detail is 0 and its subject
// the address, the mailbox, the system or the protocol. Programs that have only a bare 550 write such codes.
func silent(enhanced string) bool {
	switch enhanced {
	case "", "5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.5.0":
		return true
	default:
		return false
	}
}

// enhancedInWords finds an enhanced code within the words. A reply of several lines repeats its code (RFC 2034, section
// 4), and old qmail and Exchange servers write it in brackets or with a "#".
var enhancedInWords = regexp.MustCompile(`(?m)(?:\(#|#|^)([245]\.\d{1,3}\.\d{1,3})(?:\)|:|\s|$)`)

// EnhancedIn returns the enhanced code at the start of the words, or one that is marked as such: "(#5.1.1)".
func EnhancedIn(words string) string {
	if found := enhancedInWords.FindStringSubmatch(strings.TrimSpace(words)); found != nil {
		return found[1]
	}
	return ""
}

var repeatedCode = regexp.MustCompile(`(?:^|\s)(?:\d{3}[- ])?#?[245]\.\d{1,3}\.\d{1,3}(?:\s|$)`)

// plainWords returns the words on one line, without the codes that stand in between.
func plainWords(words string) string {
	return strings.TrimSpace(repeatedCode.ReplaceAllString(strings.ReplaceAll(OneLine(words), "’", "'"), " "))
}
