package demo

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/standalone"
)

// width is how wide the demo prints.
const width = 80

func (t *tour) heading(text string) {
	fmt.Fprintf(t.out, "\n%s\n%s\n\n", text, strings.Repeat("═", utf8.RuneCountInString(text)))
}

func (t *tour) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%s\n\n", wrap(fmt.Sprintf(format, args...), ""))
}

// wrap breaks a text into lines, with the indent before each line.
func wrap(text, indent string) string {
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width && line != indent {
			lines = append(lines, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

// processes prints a table of what became of the requests of each process.
func (t *tour) processes(list []outcome) {
	fmt.Fprintf(t.out, "    %-32s %8s %8s\n", "", "invited", "skipped")
	for _, request := range events.InvitingTypes() {
		process, err := request.Process()
		kind, _ := request.Kind() // a bulk request has none; its run has its own sums
		if err != nil || kind != rules.Invite {
			continue
		}
		counts := make(map[events.Type]int)
		for _, o := range list {
			if o.Cause.Type == request {
				counts[o.Type]++
			}
		}
		fmt.Fprintf(t.out, "    %-32s %8d %8d\n", process.Words(), counts[events.InviteSent], counts[events.InviteSkipped])
	}
	fmt.Fprintln(t.out)
}

// sum prints the numbers of a run on one line.
func (t *tour) sum(completed outcome) {
	fmt.Fprintf(t.out, "    selected %d  =  sent %d  +  skipped %d  +  failed %d  +  pending %d\n\n",
		completed.Selected, completed.Sent, completed.Skipped, completed.Failed, completed.Pending)
}

// explained is how many reasons are shown with an example. More would scroll the rest off the screen.
const explained = 3

// reasons prints why people were skipped, the most frequent reason first. The first few fixable reasons have an
// example, with what to do about it. The others are only counted.
func (t *tour) reasons(list []outcome) {
	byReason := make(map[rules.Code][]outcome)
	for _, o := range list {
		if o.Type == events.InviteSkipped {
			byReason[o.Reason] = append(byReason[o.Reason], o)
		}
	}
	codes := slices.SortedFunc(maps.Keys(byReason), func(a, b rules.Code) int {
		return cmp.Or(cmp.Compare(len(byReason[b]), len(byReason[a])), cmp.Compare(a, b))
	})
	var others []string
	shown := 0
	for _, code := range codes {
		n, example := len(byReason[code]), byReason[code][0].Reasons[0]
		if shown == explained || code.Settled() {
			others = append(others, fmt.Sprintf("%d %s", n, code))
			continue
		}
		shown++
		fmt.Fprintf(t.out, "  %3d  %s\n%s\n%s\n",
			n, code, wrap(example.Explanation, "       "), wrap("→ "+example.Remedy, "         "))
	}
	fmt.Fprintf(t.out, "%s\n\n", wrap("and "+strings.Join(others, ", "), "       "))
}

// personalLink is the personal part of a link in a mail. It is longer than a line and of no use to a reader.
var personalLink = regexp.MustCompile(`(/invite/.{8})\S+`)

func (t *tour) text(mail standalone.Mail) {
	const bar = "  │ "
	fmt.Fprintf(t.out, bar+"From:    %s\n"+bar+"To:      %s\n"+bar+"Subject: %s\n  │\n", mail.From, mail.To, mail.Subject)
	for line := range strings.Lines(strings.TrimSpace(mail.Text)) {
		fmt.Fprintln(t.out, strings.TrimRight(wrap(personalLink.ReplaceAllString(line, "$1…"), bar), " "))
	}
}
