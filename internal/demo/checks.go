package demo

import (
	"errors"
	"fmt"
	"io"
	"maps"

	"portal-invites/examples"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// checks compares the numbers with each other. It collects what is wrong, and the demo fails at the end.
type checks struct {
	held   []string
	broken []error
}

func (c *checks) that(holds bool, problem string, args ...any) {
	if !holds {
		c.broken = append(c.broken, fmt.Errorf(problem, args...))
	}
}

func (c *checks) note(what string, args ...any) { c.held = append(c.held, fmt.Sprintf(what, args...)) }

// every checks that each recipient of each request has exactly one outcome, and that as many mails are sent as the
// example expects.
func (c *checks) every(recipients map[string]int, list []outcome, expected examples.Sums) {
	total, sent, invites := 0, 0, map[string]int{}
	perRequest := map[string]int{}
	for _, o := range list {
		if o.Type == events.InviteSent {
			sent++
		}
		invites[o.InviteID]++
		perRequest[o.Cause.ID]++
	}
	for request, n := range recipients {
		total += n
		c.that(perRequest[request] == n,
			"request %s names %d recipients and has %d outcomes", request, n, perRequest[request])
	}
	c.that(len(invites) == len(list), "%d outcomes are about %d invites", len(list), len(invites))
	c.that(sent == expected.Sent, "%d were invited; the example expects %d", sent, expected.Sent)
	c.note("%d recipients of %d requests have one outcome each", total, len(recipients))
}

// run checks that selected = sent + skipped + failed, that each number is the number of such outcomes, and that all are
// as in the example. name is the run's name in the report.
func (c *checks) run(name string, completed outcome, list []outcome, expected examples.Sums) {
	counted := make(map[events.Type]int)
	byReason := make(map[rules.Code]int)
	for _, o := range list {
		counted[o.Type]++
		if o.Type == events.InviteSkipped {
			byReason[o.Reason]++
		}
	}
	c.that(completed.Selected == completed.Sent+completed.Skipped+completed.Failed+completed.Pending,
		"the run's sums do not hold: %+v", completed)
	c.that(completed.Pending == 0, "the run completed with %d pending", completed.Pending)
	c.that(len(list) == completed.Selected, "%d outcomes for %d selected", len(list), completed.Selected)
	sent, skipped := counted[events.InviteSent], counted[events.InviteSkipped]
	c.that(sent == completed.Sent, "%d InviteSent; the run says %d", sent, completed.Sent)
	c.that(skipped == completed.Skipped, "%d InviteSkipped; the run says %d", skipped, completed.Skipped)
	total := 0
	for reason, n := range completed.ByReason {
		total += n
		c.that(byReason[reason] == n, "%d outcomes say %s; the run says %d", byReason[reason], reason, n)
	}
	c.that(total == completed.Skipped, "by_reason adds up to %d of %d skipped", total, completed.Skipped)
	same := completed.Selected == expected.Selected && completed.Sent == expected.Sent
	c.that(same && maps.Equal(completed.ByReason, expected.ByReason),
		"the run came to %+v; the example expects %+v", completed, expected)
	c.note("%s: %d selected = %d sent + %d skipped + %d failed", name,
		completed.Selected, completed.Sent, completed.Skipped, completed.Failed)
}

// revised checks that one invite of a run has moved from sent to failed.
func (c *checks) revised(before, after outcome) {
	c.that(after.Sent == before.Sent-1 && after.Failed == before.Failed+1 && after.Selected == before.Selected &&
		after.Skipped == before.Skipped && after.Pending == 0, "the sums were %+v, and are %+v", before, after)
	c.note("first run, revised: %d selected = %d sent + %d skipped + %d failed",
		after.Selected, after.Sent, after.Skipped, after.Failed)
}

// mails checks that the catcher has a mail for each InviteSent, and that each mail has its own Message-ID.
func (c *checks) mails(seen []outcome, caught int) {
	ids := map[string]bool{}
	sent := 0
	for _, o := range seen {
		if o.Type == events.InviteSent {
			sent++
			ids[o.MessageID] = true
		}
	}
	c.that(sent == caught, "%d InviteSent; %d mails were caught", sent, caught)
	c.that(len(ids) == sent, "%d mails have %d message ids", sent, len(ids))
	c.note("%d mails in the catcher, one for each InviteSent", caught)
}

func (c *checks) report(out io.Writer) error {
	for _, held := range c.held {
		fmt.Fprintf(out, "    ok  %s\n", held)
	}
	for _, broken := range c.broken {
		fmt.Fprintf(out, "    NOT %s\n", broken)
	}
	if len(c.broken) > 0 {
		return fmt.Errorf("the sums do not hold: %w", errors.Join(c.broken...))
	}
	return nil
}
