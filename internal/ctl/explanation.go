package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/rules"
	"portal-invites/internal/sheet"
)

// explanation says what would become of a request, with all pages together. -o json prints it.
type explanation struct {
	Totals     api.ExplainTotals  `json:"totals"`
	Plan       *api.Plan          `json:"plan,omitempty"`
	Recipients []api.Explained    `json:"recipients"`
	Sender     string             `json:"sender,omitempty"`
	Postponed  rules.Postponement `json:"postponed,omitempty"`
	Warnings   []rules.Warning    `json:"warnings,omitempty"` // about the firm's settings
	api.Freshness
}

// factsTimeout is for how long a command asks again while facts are missing from the answer.
const factsTimeout = 30 * time.Second

// explain asks again while facts are missing from the answer, until it has asked for as long as timeout; 0 means
// factsTimeout.
func (conn connection) explain(ctx context.Context, r api.ExplainRequest, timeout time.Duration) (explanation, error) {
	enough := time.Now().Add(cmp.Or(timeout, factsTimeout))
	for {
		answer, err := conn.explainOnce(ctx, r)
		if err != nil || answer.FactsBehind.IsZero() || time.Now().After(enough) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, ctx.Err()
		case <-time.After(200 * time.Millisecond): // the service waits as well, but not if too many calls do
		}
	}
}

func (conn connection) explainOnce(ctx context.Context, r api.ExplainRequest) (explanation, error) {
	all := explanation{Recipients: []api.Explained{}}
	counted := false
	if len(r.Recipients) == 0 {
		r.Limit = api.MaxLimit
	}
	err := allPages(ctx, func(cursor string) (string, error) {
		r.Cursor = cursor
		page, err := conn.explainPage(ctx, r)
		if err != nil {
			return "", err
		}
		if page.Totals != nil {
			all.Totals, all.Plan, counted = *page.Totals, page.Plan, true
		}
		if !page.FactsBehind.IsZero() {
			all.Freshness = page.Freshness
		}
		all.Recipients, all.Warnings = append(all.Recipients, page.Recipients...), page.Warnings
		all.Sender, all.Postponed = page.Sender, page.Postponed
		return page.Next, nil
	})
	if !counted {
		all.Totals = totalsOf(all.Recipients)
	}
	return all, conn.explainError(ctx, err)
}

// explainPage tries again for a while if the workers answer as much as they can already (429 or 503).
func (conn connection) explainPage(ctx context.Context, r api.ExplainRequest) (api.ExplainAnswer, error) {
	pauses := retry.WithMaxRetries(6, retry.WithJitterPercent(50, retry.NewExponential(200*time.Millisecond)))
	return retry.DoValue(ctx, pauses, func(ctx context.Context) (api.ExplainAnswer, error) {
		page, err := conn.Explain(ctx, conn.firm, r)
		if refused, ok := errors.AsType[*api.Error](err); ok && retryable(refused) {
			return page, retry.RetryableError(err)
		}
		return page, err
	})
}

func totalsOf(recipients []api.Explained) api.ExplainTotals {
	totals := api.ExplainTotals{Selected: len(recipients), ByReason: make(map[rules.Code]int)}
	for _, r := range recipients {
		if r.WouldSend {
			totals.WouldSend++
			continue
		}
		totals.WouldSkip++
		totals.ByReason[r.Reason]++
	}
	return totals
}

// show prints the sentence and lists who would be skipped. With all, it also lists who would be sent a mail.
func (e explanation) show(s app.Streams, output, sentence string, all bool) error {
	if output == outputJSON {
		return printJSON(s.Out, e)
	}
	warnIfBehind(s.Err, e.Freshness)
	warnIfPostponed(s.Err, e.Sender, e.Postponed)
	printWarnings(s.Err, "", e.Warnings)
	e.Recipients = byClient(e.Recipients)
	if output == outputCSV {
		e.sayPlan(s.Err)
		return e.writeCSV(s.Out, all)
	}
	say(s.Out, "", "%s", sentence)
	e.sayPlan(s.Out)
	if all {
		e.listSent(s.Out)
	}
	e.listSkipped(s.Out, all)
	return nil
}

// sayPlan says how a run does what was explained.
func (e explanation) sayPlan(w io.Writer) {
	if e.Plan != nil {
		say(w, "", `To invite these people and nobody else, publish BulkInviteRequested with "plan": "%s", until %s.`,
			e.Plan.ID, shown(e.Plan.ExpiresAt))
	}
}

// warnIfBehind says that an answer does not include the newest facts.
func warnIfBehind(w io.Writer, f api.Freshness) {
	if !f.FactsBehind.IsZero() {
		say(w, "", "This answer may be out of date: facts since %s are not applied yet. Ask again in a moment.",
			shown(f.FactsBehind))
	}
}

// warnIfPostponed says that the mails of the firm wait, although the rules allow them.
func warnIfPostponed(w io.Writer, sender string, why rules.Postponement) {
	switch why {
	case rules.SenderUnknown:
		say(w, "", "The mails will wait (sender_unknown): the firm names the sender %s, which SMTP_SENDERS does not name.",
			sender)
	case rules.FirmPaused:
		say(w, "", "The mails will wait (firm_paused): the firm is paused. invitectl queue says why, and who has done it.")
	case rules.OverFirmRate:
		say(w, "", "The mails will wait (firm_rate): the firm has sent as many in an hour as it may.")
	case rules.OutsideHours:
		say(w, "", "The mails will wait (send_hours) until the firm's hours begin.")
	case rules.RunPaused: // nobody asks about a run that is paused
	}
}

// byClient sorts by client and contact, which is how people look for them. The answer for a replay comes in the order
// of the invites' ids.
func byClient(recipients []api.Explained) []api.Explained {
	return slices.SortedStableFunc(slices.Values(recipients), func(a, b api.Explained) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Recipient.ContactID, b.Recipient.ContactID))
	})
}

func (e explanation) listSent(w io.Writer) {
	sent := table{head: []string{"CLIENT", "CONTACT", "WOULD BE SENT"}}
	for _, r := range e.Recipients {
		if r.WouldSend {
			sent.add(called(r.ClientID, r.ClientName), personCalled(r.Recipient), string(r.Kind)+" to "+r.Recipient.EmailMasked)
		}
	}
	if len(sent.rows) > 0 {
		fmt.Fprintln(w)
		sent.write(w)
	}
	for _, r := range e.Recipients {
		if r.WouldSend {
			printWarnings(w, "", r.Warnings)
		}
	}
}

// listSkipped lists people by the first reason that keeps them from being sent a mail, the most frequent reason first.
// Reasons with nothing to fix, such as already_invited, are only counted: after a bulk run they cover nearly everybody.
// With all, their people are listed, too.
func (e explanation) listSkipped(w io.Writer, all bool) {
	skipped := make(map[rules.Code][]api.Explained)
	counts := make(map[rules.Code]int)
	for _, r := range e.Recipients {
		if !r.WouldSend {
			skipped[r.Reason] = append(skipped[r.Reason], r)
			counts[r.Reason]++
		}
	}
	for _, code := range byCount(counts) {
		fmt.Fprintf(w, "\nWOULD BE SKIPPED: %s (%d)\n", code, counts[code])
		if code.SettledFor(skipped[code][0].Kind) && !all {
			fmt.Fprintln(w, "  nothing to fix; --all lists them")
			continue
		}
		for _, r := range skipped[code] {
			say(w, "", "%s", personOn(r.Recipient, r.ClientID, r.ClientName))
			printRemedies(w, r.Reasons)
			printWarnings(w, "  ", r.Warnings)
		}
	}
}

// printRemedies prints what is wrong and what to do about it.
func printRemedies(w io.Writer, reasons []rules.Reason) {
	for _, reason := range reasons {
		say(w, "  ", "%s: %s", reason.Code, reason.Explanation)
		say(w, "    ", "→ %s", reason.Remedy)
	}
}

func because(reasons []rules.Reason) string {
	parts := make([]string, len(reasons))
	for i, r := range reasons {
		parts[i] = fmt.Sprintf("%s: %s → %s", r.Code, r.Explanation, r.Remedy)
	}
	return strings.Join(parts, " ")
}

// personOn is a person and their client; only the client, if it has no contacts.
func personOn(p api.Person, clientID, clientName string) string {
	client := called(clientID, clientName)
	if person := personCalled(p); person != "" {
		return person + " on " + client
	}
	return client
}

func called(id, name string) string { return strings.TrimSpace(id + " " + name) }

func personCalled(p api.Person) string {
	if p.ContactID == "" && p.Name == "" {
		return p.EmailMasked
	}
	return called(p.ContactID, p.Name)
}

// writeCSV writes a row for each thing to fix, for the office to work through in a spreadsheet. With all, it also
// writes rows for the people with nothing to fix.
func (e explanation) writeCSV(w io.Writer, all bool) error {
	out := sheet.New(w, "client_id", "client_name", "contact_id", "name", "email", "reason", "explanation", "remedy")
	for _, r := range e.Recipients {
		who := []string{r.ClientID, r.ClientName, r.Recipient.ContactID, r.Recipient.Name, r.Recipient.EmailMasked}
		if r.WouldSend {
			if all {
				out.Row(append(who, "", "would be sent", "")...)
			}
			continue
		}
		if (rules.Decision{Kind: r.Kind, Reasons: r.Reasons}).Settled() && !all {
			continue
		}
		for _, reason := range r.Reasons {
			out.Row(append(append([]string{}, who...), string(reason.Code), reason.Explanation, reason.Remedy)...)
		}
	}
	return out.Close()
}
