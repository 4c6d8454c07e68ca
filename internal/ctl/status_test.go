package ctl

import (
	"bytes"
	"testing"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

func TestStatusesFit(t *testing.T) {
	t.Parallel()
	status := api.Status{
		ClientID: "C-1031", ClientName: "Blue Bottle Coffee Roasters of Oakland LLC",
		Person: api.Person{ContactID: "P-2037", Name: "Ada Li"},
		State:  api.NoInviteSent, Label: "no invite sent",
		Sentence: "No invite has been sent to Ada Li. The last request, of November 22, 2026, was not sent: Ada Li is not " +
			"Primary on Blue Bottle Coffee Roasters of Oakland LLC.",
		Remedies: []string{"Mark Ada Li as Primary on Blue Bottle Coffee Roasters of Oakland LLC, or send an individual " +
			"invite."},
		LastInvite: &api.LastInvite{
			InviteID: someID, RunID: &someID, ReplayID: &someID, State: "skipped", DecidedAt: noon, SentAt: noon,
			NextAttempt: noon,
			Cause:       events.Cause{ID: someID.String(), Type: events.BulkInviteRequested},
			Failure:     &api.Failure{Stage: "data", SMTPCode: 554, EnhancedCode: "5.7.1"},
			Reasons:     []rules.Reason{{Code: rules.ContactNotPrimary}, {Code: rules.EmailMissing}},
			AttemptLog: []api.Attempt{
				{Number: 12, StartedAt: noon, FinishedAt: noon, Stage: "connect", Verdict: "misconfigured",
					Said: "dial tcp 192.0.2.1:587: connect: connection refused, and more of what went wrong"},
				{Number: 13, StartedAt: noon, Stage: "rcpt", SMTPCode: 450, EnhancedCode: "4.2.1", Verdict: "throttled",
					Said: "try \x1b[2Jlater"},
				{Number: 14, StartedAt: noon},
			},
		},
	}
	held := status
	held.LastInvite = &api.LastInvite{InviteID: someID, State: "queued", Held: true, Failure: &api.Failure{Stage: "body"}}

	for _, c := range []struct {
		name  string
		all   []api.Status
		parts []string
	}{
		{"one", []api.Status{status}, []string{
			"P-2037 Ada Li on C-1031 Blue Bottle Coffee Roasters of Oakland LLC: no invite sent No invite has been sent",
			"→ Mark Ada Li as Primary",
			"outcome skipped: contact_not_primary, email_missing", "mail server 554 5.7.1 at data",
			"14 11-22 12:00:00 under way", "try \ufffd[2Jlater",
		}},
		{"one that is held", []api.Status{held},
			[]string{"outcome queued", "next attempt none: it is held until somebody decides", "mail server no reply at body"}},
		{"many", []api.Status{status, held}, []string{"→ Mark Ada Li as Primary", "12 11-22 12:00:00 connect"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := printStatuses(&out, outputTable, c.all); err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + out.String())
			mustFit(t, out.String())
			mustHave(t, out.String(), c.parts...)
		})
	}
}

// Somebody asks by a name, where an id is needed. They are told so, and how to find the id.
func TestStatusSaysHowToFindAnID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	for flag, value := range map[string]string{"--client": "Blue Bottle LLC", "--contact": "Ada Li"} {
		got := r.ctl("status", "--firm", firm, flag, value)
		mustHave(t, got.err, "--client and --contact take an id and not a name",
			"invitectl explain --firm acme --all-clients --all -o csv lists every name with its ids")
		if got.code == app.ExitOK {
			t.Errorf("%s: exit code 0", flag)
		}
	}
	list := r.ok("explain", "--firm", firm, "--all-clients", "--all", "-o", "csv") // what the error says
	mustHave(t, list, "C-1,Blue Bottle LLC,P-1,Ada Li")
}
