package demo

import (
	"bytes"
	"strings"
	"testing"

	"portal-invites/examples"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// numbers are a run, its outcomes, and what the example expects of them.
type numbers struct {
	run      outcome
	list     []outcome
	expected examples.Sums
}

// The demo must fail, and exit with 1, if any number is wrong. Each case changes one number of a correct run.
func TestAWrongSumFailsTheDemo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*numbers)
		says   string
	}{
		"nothing":                {func(*numbers) {}, ""},
		"the sum":                {func(n *numbers) { n.run.Failed = 1 }, "sums do not hold"},
		"something pending":      {func(n *numbers) { n.run.Pending, n.run.Sent = 1, 0 }, "pending"},
		"an outcome lost":        {func(n *numbers) { n.list = n.list[:1] }, "outcomes for"},
		"a sent one that failed": {func(n *numbers) { n.list[0].Type = events.InviteFailed }, "InviteSent"},
		"another reason":         {func(n *numbers) { n.list[1].Reason = rules.EmailInvalid }, "email_missing"},
		"a reason counted twice": {func(n *numbers) { n.run.ByReason[rules.EmailMissing] = 2 }, "adds up"},
		"not as in the example":  {func(n *numbers) { n.expected.Sent = 2 }, "the example expects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := numbers{
				run:      outcome{Selected: 2, Sent: 1, Skipped: 1, ByReason: map[rules.Code]int{rules.EmailMissing: 1}},
				list:     []outcome{{Type: events.InviteSent}, {Type: events.InviteSkipped, Reason: rules.EmailMissing}},
				expected: examples.Sums{Selected: 2, Sent: 1, Skipped: 1, ByReason: map[rules.Code]int{rules.EmailMissing: 1}},
			}
			c.change(&n)
			var ch checks
			ch.run("run", n.run, n.list, n.expected)
			assertReport(t, &ch, c.says)
		})
	}
}

func TestAMailTooManyOrARecipientTooFewFailsTheDemo(t *testing.T) {
	t.Parallel()
	sent := outcome{Type: events.InviteSent, InviteID: "i1", MessageID: "m1"}
	sent.Cause.ID = "r1"
	every := func(named int, list []outcome, expected int) func(*checks) {
		return func(c *checks) { c.every(map[string]int{"r1": named}, list, examples.Sums{Sent: expected}) }
	}
	revised := func(after outcome) func(*checks) {
		return func(c *checks) { c.revised(outcome{Selected: 2, Sent: 2}, after) }
	}
	for name, c := range map[string]struct {
		check func(*checks)
		says  string
	}{
		"all there":                      {func(c *checks) { c.mails([]outcome{sent}, 1) }, ""},
		"a mail without an outcome":      {func(c *checks) { c.mails([]outcome{sent}, 2) }, "mails were caught"},
		"one mail for two invites":       {func(c *checks) { c.mails([]outcome{sent, sent}, 2) }, "message ids"},
		"a mail that came back":          {revised(outcome{Selected: 2, Sent: 1, Failed: 1}), ""},
		"one that is still sent":         {revised(outcome{Selected: 2, Sent: 2}), "the sums were"},
		"one that is counted twice":      {revised(outcome{Selected: 2, Sent: 2, Failed: 1}), "the sums were"},
		"everybody has an outcome":       {every(1, []outcome{sent}, 1), ""},
		"a recipient without one":        {every(2, []outcome{sent}, 1), "names 2 recipients"},
		"a recipient with two":           {every(2, []outcome{sent, sent}, 2), "are about 1 invites"},
		"fewer than the example expects": {every(1, []outcome{sent}, 2), "the example expects 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ch checks
			c.check(&ch)
			assertReport(t, &ch, c.says)
		})
	}
}

// assertReport checks that the report fails with a text that contains says; "" if all checks must hold.
func assertReport(t *testing.T, c *checks, says string) {
	t.Helper()
	var printed bytes.Buffer
	err := c.report(&printed)
	if (err == nil) != (says == "") {
		t.Fatalf("report: %v, printed %s", err, &printed)
	}
	if err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("report says %v, want %q in it", err, says)
	}
}
