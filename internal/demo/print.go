package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/standalone"
)

// width is how wide the demo prints.
const width = 96

func (t *tour) heading(text string) {
	fmt.Fprintf(t.out, "\n%s\n%s\n\n", text, strings.Repeat("═", utf8.RuneCountInString(text)))
}

func (t *tour) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%s\n\n", wrap(fmt.Sprintf(format, args...), ""))
}

// wrap breaks a text into lines, each behind the indent.
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

// processes is a table of what came of the requests of each process.
func (t *tour) processes(list []outcome) {
	fmt.Fprintf(t.out, "    %-32s %8s %8s\n", "", "invited", "skipped")
	for _, request := range events.InvitingTypes() {
		process, err := request.Process()
		kind, _ := request.Kind() // a bulk request has none; its run has sums of its own
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

// sum is the run's line of numbers.
func (t *tour) sum(completed outcome) {
	fmt.Fprintf(t.out, "    selected %d  =  sent %d  +  skipped %d  +  failed %d  +  pending %d\n\n",
		completed.Selected, completed.Sent, completed.Skipped, completed.Failed, completed.Pending)
}

// How many skips of a reason are shown.
const (
	everyone     = -1
	onePerReason = 1
)

// reasons shows skips by reason, the most frequent reason first: what is wrong, and what to do about it.
func (t *tour) reasons(list []outcome, examples int) {
	byReason := make(map[rules.Code][]outcome)
	for _, o := range list {
		if o.Type == events.InviteSkipped {
			byReason[o.Reason] = append(byReason[o.Reason], o)
		}
	}
	codes := make([]rules.Code, 0, len(byReason))
	for code := range byReason {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b rules.Code) int {
		return cmp.Or(cmp.Compare(len(byReason[b]), len(byReason[a])), cmp.Compare(a, b))
	})
	for _, code := range codes {
		fmt.Fprintf(t.out, "  %3d  %s\n", len(byReason[code]), code)
		for i, o := range byReason[code] {
			if i == examples {
				break
			}
			fmt.Fprintln(t.out, wrap(o.Reasons[0].Explanation, "       "))
			fmt.Fprintln(t.out, wrap("→ "+o.Reasons[0].Remedy, "         "))
		}
	}
	fmt.Fprintln(t.out)
}

func (t *tour) letter(mail standalone.Mail) {
	fmt.Fprintf(t.out, "  │ From:    %s\n  │ To:      %s\n  │ Subject: %s\n  │\n", mail.From, mail.To, mail.Subject)
	for line := range strings.Lines(strings.TrimSpace(mail.Text)) {
		fmt.Fprintf(t.out, "  │ %s\n", strings.TrimRight(line, "\r\n"))
	}
}
