package ctl

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/standalone"
)

var (
	someID = uuid.MustParse("6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3")
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func blueBottle() explanation {
	notPrimary := rules.Reason{
		Code:        rules.ContactNotPrimary,
		Explanation: "Bulk invites go to Primary contacts only, and Dana Wu is not Primary on Blue Bottle LLC.",
		Remedy:      "Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.",
	}
	noEmail := rules.Reason{Code: rules.EmailMissing, Explanation: "Dana Wu has no email address.",
		Remedy: "Add an email to Dana Wu."}
	all := explanation{Recipients: []api.Explained{
		{ClientID: "C-1031", ClientName: "Blue Bottle LLC", Kind: rules.Invite, WouldSend: true,
			Recipient: api.Person{ContactID: "P-2037", Name: "Ada Li", EmailMasked: "a•••@bluebottle.example"}},
		{ClientID: "C-1031", ClientName: "Blue Bottle LLC", Kind: rules.Invite,
			Recipient: api.Person{ContactID: "P-2038", Name: "Dana Wu"},
			Reason:    rules.ContactNotPrimary, Reasons: []rules.Reason{notPrimary, noEmail}},
		{ClientID: "C-1032", ClientName: "=HYPERLINK(\"http://x\")", Kind: rules.Invite,
			Recipient: api.Person{ContactID: "P-9"},
			Reason:    rules.EmailMissing, Reasons: []rules.Reason{noEmail}},
	}}
	all.Totals = totalsOf(all.Recipients)
	return all
}

// mustFit fails if a line is longer than 80 columns.
func mustFit(t *testing.T, printed string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > narrow {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// mustHave fails if one of the parts is missing, wherever lines are broken.
func mustHave(t *testing.T, printed string, parts ...string) {
	t.Helper()
	joined := strings.Join(strings.Fields(printed), " ")
	for _, part := range parts {
		if !strings.Contains(joined, part) {
			t.Errorf("%q is missing in\n%s", part, printed)
		}
	}
}

func TestExplanationForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := explainCmd{Mode: "invite"}
	all := blueBottle()
	if err := all.show(app.Streams{Out: &out}, outputTable, c.sentence(all.Totals), false); err != nil {
		t.Fatal(err)
	}
	mustFit(t, out.String())
	mustHave(t, out.String(), "Of 3 contacts 1 would be invited; 1 is not Primary, 1 has no email.",
		"WOULD BE SKIPPED: contact_not_primary (1) P-2038 Dana Wu on C-1031 Blue Bottle LLC "+
			"contact_not_primary: Bulk invites",
		"→ Add an email to Dana Wu.")
	if strings.Contains(out.String(), "P-2037") {
		t.Error("lists who would be invited, without --all")
	}
}

func TestExplanationForTheOffice(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := blueBottle().show(app.Streams{Out: &out}, outputCSV, "", false); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// One row for each thing to fix: two for Dana Wu.
	if len(rows) != 4 || rows[0][0] != "client_id" || rows[1][5] != "contact_not_primary" ||
		rows[2][5] != "email_missing" || rows[2][2] != "P-2038" {
		t.Errorf("rows: %q", rows)
	}
	if name := rows[3][1]; name != "'=HYPERLINK(\"http://x\")" {
		t.Errorf("a spreadsheet would read %q as a formula", name)
	}
	if !strings.HasPrefix(out.String(), "\ufeff") {
		t.Error("Excel would not read it as UTF-8")
	}
}

// After a bulk run nearly everybody is already invited. The people with something to fix must not get lost among them.
// With all, everybody is listed, in the order of the clients.
func TestExplanationListsOnlyWhatCanBeFixed(t *testing.T) {
	t.Parallel()
	person := func(client string, code rules.Code) api.Explained {
		return api.Explained{
			ClientID: client, Recipient: api.Person{ContactID: "of-" + client}, Reason: code,
			Reasons: []rules.Reason{{Code: code, Explanation: "Why.", Remedy: "What to do."}},
		}
	}
	e := explanation{Recipients: []api.Explained{
		person("C-3", rules.EmailMissing), person("C-2", rules.AlreadyInvited), person("C-1", rules.EmailMissing),
	}}
	for _, output := range []string{outputTable, outputCSV} {
		for _, all := range []bool{false, true} {
			var out bytes.Buffer
			if err := e.show(app.Streams{Out: &out}, output, "", all); err != nil {
				t.Fatal(err)
			}
			printed := out.String()
			if strings.Contains(printed, "of-C-2") != all {
				t.Errorf("%s, all %t:\n%s", output, all, printed)
			}
			if first, second := strings.Index(printed, "of-C-1"), strings.Index(printed, "of-C-3"); first < 0 || second < first {
				t.Errorf("%s, all %t: not in the order of the clients:\n%s", output, all, printed)
			}
		}
	}
}

func TestEveryReasonHasAPhrase(t *testing.T) {
	t.Parallel()
	for _, code := range rules.Codes() {
		if said := phrases[code]; said[0] == "" || said[1] == "" {
			t.Errorf("%s has no phrase in internal/ctl/words.go", code)
		}
	}
	if len(phrases) != len(rules.Codes()) {
		t.Errorf("%d phrases for %d codes", len(phrases), len(rules.Codes()))
	}
	got := enumerate(map[rules.Code]int{rules.EmailMissing: 2, rules.ContactNotPrimary: 30, "of_tomorrow": 1,
		rules.EmailShared: 0})
	if want := "30 are not Primary, 2 have no email, 1 of_tomorrow"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestListsFit(t *testing.T) {
	t.Parallel()
	run := api.Run{
		RunID: someID, Kind: "replay", State: api.Walking, Progress: 0.634, Selected: 100_000, Sent: 99_000, Skipped: 10_000,
		Failed: 1_000, CreatedAt: noon,
		Cause: events.Cause{ID: someID.String(), Type: events.ReplayRequested}, RequestedBy: "Maria Lopez", Replays: &someID,
		CompletedAt: noon,
		ByReason:    map[rules.Code]int{rules.ClientHasNoContacts: 9_000, rules.AlreadyHasAccess: 1_000},
		Fixable:     map[rules.Code]int{rules.ClientHasNoContacts: 9_000},
	}
	letter := api.DeadLetter{
		ID: someID, Type: "BulkInviteRequested", Subject: "portal.bulk.acme.BulkInviteRequested", At: noon,
		State: api.LetterDiscarded, Durable: "bulk-worker",
		Reason: "selection.client_ids[12]: has a space or a control character in it; requested_by: missing", By: "maria",
		Note:    "the CRM sent it again, correctly",
		EventID: someID.String(), Source: "crm", Headers: map[string][]string{"ce-id": {"1\x1b[2J"}},
		Body: "{\n\t\"mode\": \"inv\x07ite\"\n}",
	}
	sent := outcome{Type: events.InviteSent, Time: noon, outcomeData: outcomeData{
		FirmID: "acme-cpa", ClientID: "C-1031-with-an-id-that-is-long",
		Recipient: events.OutcomePerson{EmailMasked: "p•••@bluebottle.example"}, Kind: "invite",
	}}
	completed := outcome{Type: events.RunCompleted, Time: noon,
		outcomeData: outcomeData{FirmID: "acme-cpa", RunID: someID.String(), Sent: 99_000, Skipped: 10_000, Failed: 3}}

	for _, c := range []struct {
		name  string
		print func(s app.Streams) error
		parts []string
	}{
		{"one run", func(s app.Streams) error { return (&runsCmd{}).one(s.Out, run) },
			[]string{someID.String(), "walking 63%", "100000 selected = 99000 sent + 10000 skipped + 1000 failed + 0 pending",
				"9000 client_has_no_contacts yes", "nothing to fix"}},
		{"many runs", func(s app.Streams) error { return (&runsCmd{}).list(s, []api.Run{run, run}) },
			[]string{"6f1d7a0e 11-22 12:00 replay walking 63% 100000 99000 10000 1000"}},
		{"letters", func(s app.Streams) error { return letters{}.show(s.Out, []api.DeadLetter{letter}) },
			[]string{"6f1d7a0e", "WHY"}},
		{"one letter", func(s app.Streams) error { printLetter(s.Out, letter); return nil },
			[]string{"why selection.client_ids[12]:", "ce-id: 1\ufffd[2J", "\"mode\": \"inv\ufffdite\""}},
		{"outcomes of a firm", func(s app.Streams) error {
			each := (&outcomesCmd{Firm: "acme-cpa"}).printer(s)
			_ = each(sent)
			return each(completed)
		}, []string{"TIME (UTC)", "11-22 12:00:00", "run done run 6f1d7a0e"}},
		{"outcomes of all firms", func(s app.Streams) error {
			each := (&outcomesCmd{}).printer(s)
			_ = each(sent)
			return each(completed)
		}, []string{"FIRM", "acme-cpa"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := c.print(app.Streams{Out: &out, Err: &out}); err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + out.String())
			mustFit(t, out.String())
			mustHave(t, out.String(), c.parts...)
			if strings.ContainsAny(out.String(), "\x1b\x07") {
				t.Error("a terminal would obey it")
			}
		})
	}
}

func TestEMLOpensInAMailProgram(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := writeEML(&out, api.PreviewAnswer{
		Subject: "Ada, your portal", FromName: "Müller, Wu & Co", ReplyTo: "office@acme.example", HTML: "<p>Hello</p>",
		Text:      "Hello",
		Recipient: api.Person{Name: "Ada Li", EmailMasked: "a•••@x.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	content, err := standalone.ParseMail(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if content.Subject != "Ada, your portal" || strings.TrimSpace(content.Text) != "Hello" ||
		!strings.Contains(content.HTML, "<p>Hello</p>") ||
		!strings.Contains(content.From, "Müller, Wu & Co") {
		t.Errorf("%+v", content)
	}
}

func TestReasonsSayHowManyCanBeFixed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printReasons(&out, api.Run{
		ByReason: map[rules.Code]int{rules.ContactNotPrimary: 80, rules.AlreadyInvited: 15, rules.EmailMissing: 2},
		Fixable:  map[rules.Code]int{rules.ContactNotPrimary: 78, rules.AlreadyInvited: 0, rules.EmailMissing: 2},
	})
	mustHave(t, out.String(), "80 contact_not_primary 78 of 80", "15 already_invited nothing to fix",
		"2 email_missing yes")
}

func TestTheQueueForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := queueCmd{service: service{Firm: "acme-cpa"}}
	c.show(&out, api.QueueAnswer{Lanes: []api.QueuedLane{{Lane: "individual"}, {Lane: "bulk"}}}, noon)
	mustHave(t, out.String(), "No mail of firm acme-cpa waits to be sent.")
	out.Reset()
	c.show(&out, api.QueueAnswer{Lanes: []api.QueuedLane{
		{Lane: "individual", Queued: 2, Retrying: 1, Held: 1, OldestAt: noon.Add(-75 * time.Minute),
			NextAttempt: noon.Add(time.Minute),
			LastAttempt: &api.Attempt{Stage: "rcpt", SMTPCode: 451, EnhancedCode: "4.7.1", FinishedAt: noon.Add(-time.Minute),
				Said: "Come back later."}},
		{Lane: "bulk", Queued: 100_000, Sending: 8, OldestAt: noon.Add(-time.Second), NextAttempt: noon},
	}}, noon)
	mustFit(t, out.String())
	mustHave(t, out.String(), "individual 2 0 1 1 hour 15 minutes 2026-11-22 12:01 UTC", "bulk 100000 8 0 under a",
		"individual: the mail server did not take the newest mail that was tried (451 4.7.1 at rcpt, 2026-11-22 11:59 "+
			"UTC). Come back later.",
		"individual: 1 mail may or may not have arrived")
}

func TestDurationsInWords(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"90 days": 2160 * time.Hour, "24 hours": 24 * time.Hour, "36 hours": 36 * time.Hour,
		"1 hour 30 minutes": 90 * time.Minute,
		"20 seconds":        20 * time.Second, "1 minute 1 second": 61*time.Second + time.Millisecond,
		"5ms": 5 * time.Millisecond,
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
