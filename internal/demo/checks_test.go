package demo

import (
	"bytes"
	"strings"
	"testing"

	"portal-invites/examples"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// The demo must fail, and exit with 1, wherever a number does not hold. Each case breaks one number of a run that holds.
func TestASumThatDoesNotHoldFailsTheDemo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breakIt func(run *outcome, list *[]outcome, expected *examples.Sums)
		says    string
	}{
		"nothing":                  {func(*outcome, *[]outcome, *examples.Sums) {}, ""},
		"the sum":                  {func(run *outcome, _ *[]outcome, _ *examples.Sums) { run.Failed = 1 }, "sums do not hold"},
		"something pending":        {func(run *outcome, _ *[]outcome, _ *examples.Sums) { run.Pending, run.Sent = 1, 0 }, "pending"},
		"an outcome lost":          {func(_ *outcome, list *[]outcome, _ *examples.Sums) { *list = (*list)[:1] }, "outcomes for"},
		"sent and not told":        {func(_ *outcome, list *[]outcome, _ *examples.Sums) { (*list)[0].Type = events.InviteFailed }, "InviteSent"},
		"another reason":           {func(_ *outcome, list *[]outcome, _ *examples.Sums) { (*list)[1].Reason = rules.EmailInvalid }, "email_missing"},
		"a reason counted twice":   {func(run *outcome, _ *[]outcome, _ *examples.Sums) { run.ByReason[rules.EmailMissing] = 2 }, "adds up"},
		"not what the example has": {func(_ *outcome, _ *[]outcome, expected *examples.Sums) { expected.Sent = 2 }, "where the example has"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := outcome{Selected: 2, Sent: 1, Skipped: 1, ByReason: map[rules.Code]int{rules.EmailMissing: 1}}
			list := []outcome{{Type: events.InviteSent}, {Type: events.InviteSkipped, Reason: rules.EmailMissing}}
			expected := examples.Sums{Selected: 2, Sent: 1, Skipped: 1, ByReason: map[rules.Code]int{rules.EmailMissing: 1}}
			c.breakIt(&run, &list, &expected)
			var ch checks
			ch.run(run, list, expected)
			assertReport(t, &ch, c.says)
		})
	}
}

func TestAMailTooManyOrARecipientTooFewFailsTheDemo(t *testing.T) {
	t.Parallel()
	sent := outcome{Type: events.InviteSent, InviteID: "i1", MessageID: "m1"}
	sent.Cause.ID = "r1"
	for name, c := range map[string]struct {
		check func(*checks)
		says  string
	}{
		"all there":                  {func(c *checks) { c.mails([]outcome{sent}, 1) }, ""},
		"a mail nobody knows of":     {func(c *checks) { c.mails([]outcome{sent}, 2) }, "mails were caught"},
		"one mail for two invites":   {func(c *checks) { c.mails([]outcome{sent, sent}, 2) }, "message ids"},
		"everybody has an outcome":   {func(c *checks) { c.every(map[string]int{"r1": 1}, []outcome{sent}, examples.Sums{Sent: 1}) }, ""},
		"a recipient without one":    {func(c *checks) { c.every(map[string]int{"r1": 2}, []outcome{sent}, examples.Sums{Sent: 1}) }, "names 2 recipients"},
		"a recipient with two":       {func(c *checks) { c.every(map[string]int{"r1": 2}, []outcome{sent, sent}, examples.Sums{Sent: 2}) }, "stand for 1 invites"},
		"fewer than the example has": {func(c *checks) { c.every(map[string]int{"r1": 1}, []outcome{sent}, examples.Sums{Sent: 2}) }, "where the example has 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ch checks
			c.check(&ch)
			assertReport(t, &ch, c.says)
		})
	}
}

// assertReport says is "" where every check must hold.
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
