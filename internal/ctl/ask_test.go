package ctl

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/standalone"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// applied waits until the services know the office.
func (r *rig) applied() {
	r.t.Helper()
	testenv.Eventually(r.t, wait, func() error {
		_, err := api.NewClient(r.js.Conn()).Status(r.ctx, firm, api.StatusRequest{ClientID: "C-2"})
		return err
	})
}

func TestExplainAsksAgainUntilNoFactIsMissing(t *testing.T) {
	t.Parallel()
	behind := api.ExplainAnswer{Freshness: api.Freshness{FactsBehind: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}}
	complete := api.ExplainAnswer{Totals: &api.ExplainTotals{Selected: 11, WouldSend: 11}}
	asked := 0
	conn := answering(t, api.ExplainEndpoint, func(call *nats.Msg) {
		answer := behind
		if asked++; asked == 3 {
			answer = complete
		}
		if body, err := json.Marshal(answer); err != nil || call.Respond(body) != nil {
			t.Errorf("could not answer: %v", err)
		}
	})
	answer, err := conn.explain(t.Context(), api.ExplainRequest{}, time.Nanosecond)
	if err != nil || answer.Freshness != behind.Freshness {
		t.Errorf("after the timeout: %+v, error %v", answer, err)
	}
	answer, err = conn.explain(t.Context(), api.ExplainRequest{}, wait)
	if err != nil || answer.Totals.WouldSend != 11 || !answer.FactsBehind.IsZero() {
		t.Errorf("when no fact is missing: %+v, error %v", answer, err)
	}
}

// While a fact can't be applied, every command that asks about people says so.
func TestAnswersWithoutTheNewestFactsHaveAWarning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	tx, err := r.scene.DB.Begin(r.ctx)
	r.must(err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(r.ctx)) })
	_, err = tx.Exec(r.ctx, `LOCK TABLE contacts IN EXCLUSIVE MODE`) // workers can read it, and can't write
	r.must(err)
	r.contact("P-1", "Ada Late", "ada@x.example")

	const warning = "This answer may be out of date: facts since"
	for _, args := range [][]string{
		{"explain", "--all-clients", "--timeout", "1ms"},
		{"replay", "--dry-run", "--timeout", "1ms"},
		{"status", "--client", "C-1"},
		{"preview", "--client", "C-1", "--contact", "P-1"},
	} {
		if s := r.ctl(append(args, "--firm", firm)...); s.code != app.ExitOK || !strings.Contains(s.err, warning) {
			t.Errorf("%q: exit code %d, and the warning is missing: %s%s", args, s.code, s.out, s.err)
		}
	}
	mustHave(t, r.ok("explain", "--firm", firm, "--all-clients", "--timeout", "1ms", "-o", "json"), `"facts_behind"`)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()

	out := r.ok("explain", "--firm", firm, "--all-clients")
	mustHave(t, out, "Of 4 contacts 2 would be invited; 1 is not Primary, 1 has no email.", "C-1 Blue", "P-2 Dana Wu",
		"P-4 Kim Lee")
	if strings.Contains(out, "P-1") {
		t.Errorf("lists who would be invited:\n%s", out)
	}
	mustHave(t, r.ok("explain", "--firm", firm, "--all-clients", "--all"), "P-1 Ada Li", "WOULD BE SENT",
		"WOULD BE SKIPPED")
	mustHave(t, r.ok("explain", "--firm", firm, "--client", "C-1"), "Of 2 contacts 1 would be invited; 1 is not Primary.")
	mustHave(t, r.ok("explain", "--firm", firm, "--all-clients", "--kind", "individual"), "Nobody is selected")
	mustHave(t, r.ok("explain", "--firm", firm, "--client", "C-9"),
		"Of 1 contact 0 would be invited; 1 is on a client that does not exist.")
	mustHave(t, r.ok("explain", "--firm", firm, "--all-clients", "--mode", "resend"),
		"Of 4 contacts 0 would be sent their invite again;")

	// A person who is named does not have to be Primary.
	mustHave(t, r.ok("explain", "--firm", firm, "--client", "C-1", "--contact", "P-2"), "Of 1 contact 1 would be invited.",
		"P-2 Dana Wu")
	mustHave(t,
		r.ok("explain", "--firm", firm, "--client", "C-1", "--contact", "P-2", "--contact", "P-9", "--process", "file"),
		"Of 2 contacts 1 would be invited; 1 does not exist.")
	mustHave(t, r.ok("explain", "--firm", firm, "--client", "C-1", "--email", "new@x.example", "--name", "New One"),
		"Of 1 contact 1 would be invited.")
	mustHave(t, r.ok("explain", "--firm", firm, "--client", "C-1", "--contact", "P-2", "--process", "resend"),
		"1 was never invited")

	var all explanation
	r.must(json.Unmarshal([]byte(r.ok("explain", "--firm", firm, "--all-clients", "-o", "json")), &all))
	if all.Totals.Selected != 4 || len(all.Recipients) != 4 || all.Totals.WouldSend != 2 {
		t.Errorf("%+v", all)
	}
	list := strings.TrimPrefix(r.ok("explain", "--firm", firm, "--all-clients", "-o", "csv"), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(list)).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][3] != "Dana Wu" || rows[2][5] != "email_missing" ||
		!strings.HasPrefix(rows[2][7], "Add an email") {
		t.Errorf("%q, %v", rows, err)
	}
}

func TestExplainWithAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	file := filepath.Join(t.TempDir(), "fixes.csv")
	write := func(text string) { r.must(os.WriteFile(file, []byte(text), 0o600)) }
	write("Client ID,Client name,Type,Contact ID,Contact name,Email,Primary\n" +
		"C-1,Blue Bottle LLC,Business,P-1,Ada Li,ada@bluebottle.example,yes\n" +
		"C-1,Blue Bottle LLC,Business,P-2,Dana Wu,dana@bluebottle.example,yes\n")
	mustHave(t, r.ok("explain", "--firm", firm, "--all-clients", "--assume", file),
		"Of 4 contacts 3 would be invited; 1 has no email.")
	mustHave(t, r.ok("explain", "--firm", firm, "--all-clients"), "Of 4 contacts 2 would be invited;") // as before
	write("Client ID,Client name,Type,Contact ID,Contact name,Email,Primary\nC-1,Blue,Spaceship,P-1,Ada,a@b.example,yes\n")
	for _, args := range [][]string{
		{"explain", "--firm", firm, "--all-clients", "--assume", file},
		{"replay", "--firm", firm, "--dry-run", "--assume", file},
	} {
		if got := r.ctl(args...); got.code != 2 || !strings.Contains(got.err, "fixes.csv: line 2: ") {
			t.Errorf("%q: %+v", args, got)
		}
	}
	if got := r.ctl("replay", "--firm", firm, "--assume", file); got.code != 2 ||
		!strings.Contains(got.err, "--assume needs --dry-run") {
		t.Errorf("%+v", got)
	}
}

// A selection that takes several pages is one list with one sum.
func TestExplainPagesMakeOneList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	ids := make([]string, 1500)
	for i := range ids {
		ids[i] = "nobody-" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	slices.Sort(ids)
	r.client("C-3", "Large Inc", slices.Compact(ids)...)
	testenv.Eventually(t, wait, func() error {
		_, err := api.NewClient(r.js.Conn()).Status(r.ctx, firm, api.StatusRequest{ClientID: "C-3"})
		return err
	})
	var all explanation
	r.must(json.Unmarshal([]byte(r.ok("explain", "--firm", firm, "--all-clients", "-o", "json")), &all))
	seen := map[string]bool{}
	for _, e := range all.Recipients {
		seen[e.ClientID+" "+e.Recipient.ContactID] = true
	}
	if want := 1504; all.Totals.Selected != want || len(all.Recipients) != want || len(seen) != want {
		t.Errorf("selected %d, listed %d, %d of them different; want %d of each", all.Totals.Selected, len(all.Recipients),
			len(seen), want)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	run := r.bulk()

	mustHave(t, r.ok("status", "--firm", firm, "--contact", "P-4"), "P-4 Kim Lee on C-2 Red Barn Inc: no invite sent",
		"was not sent: Kim Lee has no email address. → Add an email to Kim Lee.", "run "+run.RunID,
		"outcome skipped: email_missing")
	mustHave(t, r.ok("status", "--firm", firm, "--client", "C-1"), "P-1 Ada Li", "invited", "P-2 Dana Wu")
	mustHave(t, r.ok("status", "--firm", firm, "--email", "ADA@x.example"), "P-1 Ada Li on C-1 Blue Bottle LLC: invited")

	var status api.Status
	r.must(json.Unmarshal([]byte(r.ok("status", "--firm", firm, "--contact", "P-1", "-o", "json")), &status))
	if status.State != api.Invited || status.LastInvite == nil {
		t.Fatalf("%+v", status)
	}
	mustHave(t, r.ok("status", "--firm", firm, "--invite", status.LastInvite.InviteID.String()), "P-1 Ada Li on C-1")

	if s := r.ctl("status", "--firm", firm, "--contact", "P-9"); s.code != app.ExitFailed ||
		!strings.HasPrefix(s.err, "invitectl: acme: contact_id: ") {
		t.Errorf("no contact: exit code %d: %s", s.code, s.err)
	}
	if s := r.ctl("status", "--firm", firm, "--email", "nobody"); s.code != app.ExitUsage ||
		!strings.Contains(s.err, "email: ") {
		t.Errorf("no email: exit code %d: %s", s.code, s.err)
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	if s := r.ctl("runs", "--firm", firm); s.code != app.ExitOK || s.out != "" ||
		!strings.Contains(s.err, "there is no such run at firm acme") {
		t.Errorf("no run: exit code %d: %s%s", s.code, s.out, s.err)
	}
	if s := r.ctl("runs", "--firm", firm, "--watch"); s.code != app.ExitFailed {
		t.Errorf("watches nothing: exit code %d", s.code)
	}
	run := r.bulk()
	again := r.bulk()

	mustHave(t, r.ok("runs", "--firm", firm), run.RunID[:8], again.RunID[:8], "invite completed 4 2 2 0")
	if out := r.ok("runs", "--firm", firm, "--limit", "1"); strings.Contains(out, run.RunID[:8]) ||
		!strings.Contains(out, again.RunID[:8]) {
		t.Errorf("the newest one alone is\n%s", out)
	}
	if s := r.ctl("runs", "--firm", firm, "--kind", "replay"); s.out != "" {
		t.Errorf("replays:\n%s", s.out)
	}
	for _, id := range []string{run.RunID, run.RunID[:8]} {
		mustHave(t, r.ok("runs", "--firm", firm, id), run.RunID, "4 selected = 2 sent + 2 skipped + 0 failed + 0 pending",
			"1 email_missing yes", "requested by Lee")
	}
	mustHave(t, r.ok("runs", "--firm", firm, "--watch"), again.RunID, "state completed")
	if rows := strings.Count(r.ok("runs", "--firm", firm, "-o", "json"), "\n"); rows != 2 {
		t.Errorf("%d lines", rows)
	}
	if s := r.ctl("runs", "--firm", firm, uuid.NewString()); s.code != app.ExitFailed ||
		!strings.Contains(s.err, "acme: run_id: this firm has no such run") {
		t.Errorf("no run of that id: exit code %d: %s", s.code, s.err)
	}
}

// A run that waits for a mail server can be watched until the server is back.
func TestRunsAreWatchedToTheirEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.mailbox.Down()
	r.publish(events.BulkInviteRequested, bulkAll())
	testenv.Eventually(t, wait, func() error {
		_, err := (&runsCmd{State: string(api.Sending)}).find(r.ctx,
			connection{Client: api.NewClient(r.js.Conn()), firm: firm, nc: r.js.Conn()})
		return err
	})
	if s := r.ctl("runs", "--firm", firm, "--watch", "--timeout", "100ms"); s.code != app.ExitFailed ||
		!strings.Contains(s.err, "stopped waiting; the run goes on") {
		t.Errorf("exit code %d: %s", s.code, s.err)
	}
	watched := make(chan said, 1)
	go func() { watched <- r.ctl("runs", "--firm", firm, "--watch") }()
	r.mailbox.Up()
	s := <-watched
	if s.code != app.ExitOK {
		t.Errorf("exit code %d: %s", s.code, s.err)
	}
	mustHave(t, s.out, "state completed", "4 selected = 2 sent + 2 skipped + 0 failed + 0 pending")
}

func TestReplayDryRunIsWhatTheReplayDoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	run := r.bulk()
	r.contact("P-4", "Kim Lee", "kim@x.example")
	testenv.Eventually(t, wait, func() error { // until the fact is applied
		if s := r.ctl("status", "--firm", firm, "--email", "kim@x.example"); s.code != app.ExitOK {
			return errors.New(s.err)
		}
		return nil
	})

	out := r.ok("replay", "--firm", firm, "--run", run.RunID, "--dry-run")
	mustHave(t, out, "Of 2 invites that did not go out 1 would be sent now; still 1 is not Primary.", "P-4 Kim Lee",
		"invite to k•••@x.example", "P-2 Dana Wu")
	if n := len(r.mailbox.Messages()); n != 2 {
		t.Errorf("%d mails after a dry run", n)
	}
	var before struct{ Totals api.ExplainTotals }
	r.must(json.Unmarshal([]byte(r.ok("replay", "--firm", firm, "--run", run.RunID, "--dry-run", "-o", "json")), &before))
	var after outcomeData
	r.must(json.Unmarshal([]byte(r.ok("replay", "--firm", firm, "--run", run.RunID, "--wait", "-o", "json")), &after))
	if after.Selected != before.Totals.Selected || after.Sent != before.Totals.WouldSend ||
		after.Skipped != before.Totals.WouldSkip {
		t.Errorf("the dry run said %+v, the replay did %+v", before.Totals, after)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	mustHave(t, r.ctl("dead-letters", "--firm", firm).err, "There are no such dead letters at firm acme.")

	_, err := r.js.PublishMsg(r.ctx, &nats.Msg{
		Subject: "portal.events.acme.InviteRequested", Header: nats.Header{"x-from": {"crm"}}, Data: []byte("hello \x1b[2J"),
	})
	r.must(err)
	r.publish(events.InviteRequested,
		object{"client_id": "C 1", "requested_by": "Lee", "recipients": []object{{"contact_id": "P-1"}}})
	var letters []api.DeadLetter
	testenv.Eventually(t, wait, func() error {
		letters = nil
		for row := range strings.Lines(r.ok("dead-letters", "list", "--firm", firm, "-o", "json")) {
			var letter api.DeadLetter
			r.must(json.Unmarshal([]byte(row), &letter))
			letters = append(letters, letter)
		}
		if len(letters) != 2 {
			return os.ErrNotExist
		}
		return nil
	})
	slices.SortFunc(letters, func(a, b api.DeadLetter) int { return int(a.Sequence) - int(b.Sequence) })
	unreadable, invalid := letters[0].ID.String(), letters[1].ID.String()

	mustHave(t, r.ok("dead-letters", "--firm", firm), unreadable[:8], invalid[:8], "client_id: has a space", "open")
	mustHave(t, r.ok("dead-letters", "show", "--firm", firm, unreadable[:8]), unreadable, "state open", "x-from: crm",
		"hello \ufffd[2J")
	mustHave(t, r.ok("dead-letters", "discard", "--firm", firm, unreadable, "--reason", "a test", "--by", "Maria"),
		"discarded", "by Maria: a test")
	mustHave(t, r.ok("dead-letters", "requeue", "--firm", firm, invalid[:12]), "requeued")

	// A letter is handled once. If one of the ids is unknown, none of the letters is handled.
	if s := r.ctl("dead-letters", "requeue", "--firm", firm, unreadable); s.code != app.ExitFailed ||
		!strings.Contains(s.err, "was discarded by Maria") {
		t.Errorf("exit code %d: %s", s.code, s.err)
	}
	if s := r.ctl("dead-letters", "show", "--firm", firm, "00000000"); s.code != app.ExitFailed ||
		!strings.Contains(s.err, "there is no dead letter that begins or ends with 00000000") {
		t.Errorf("exit code %d: %s", s.code, s.err)
	}
	mustHave(t, r.ok("dead-letters", "--firm", firm, "--state", "discarded"), unreadable[:8])
}

func TestPreview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()

	out := r.ok("preview", "--firm", firm, "--client", "C-1", "--contact", "P-1", "--type", "FileShared",
		"--title", "2025 return.pdf", "--message", "Dear {{contact.name}}")
	mustHave(t, out, "From: Acme CPA", "To: Ada Li a•••@x.example", "Subject: ", "2025 return.pdf", "Dear Ada Li")
	mustHave(t, r.ok("preview", "--firm", firm, "--client", "C-1", "--contact", "P-1", "--type", "BulkInviteRequested"),
		"To: Ada Li")

	s := r.ctl("preview", "--firm", firm, "--client", "C-2", "--contact", "P-4")
	mustHave(t, s.err, "This mail would not be sent: email_missing: Kim Lee has no email address.")

	request := `{"specversion": "1.0", "id": "1", "source": "crm", "type": "portal.EsignRequested.v1",
		"time": "2026-01-05T10:00:00Z", "data": {"client_id": "C-1", "requested_by": "Maria",
		"recipients": [{"contact_id": "P-1"}, {"contact_id": "P-2"}], "esign": {"id": "1", "title": "Form 8879"}}}`
	s = r.ctlWith(r.ctx, request, "preview", "--firm", firm, "-", "--contact", "P-2")
	mustHave(t, s.out, "To: Dana Wu", "Form 8879")

	dir := t.TempDir()
	for _, name := range []string{"mail.html", "mail.txt", "mail.eml"} {
		path := filepath.Join(dir, name)
		if s := r.ctl("preview", "--firm", firm, "--client", "C-1", "--contact", "P-1", "--out", path); s.out != "" ||
			s.code != app.ExitOK {
			t.Errorf("%s: exit code %d: %s%s", name, s.code, s.out, s.err)
		}
		content, err := os.ReadFile(path)
		r.must(err)
		switch name {
		case "mail.eml":
			mail, err := standalone.ParseMail(content)
			r.must(err)
			mustHave(t, mail.Text, "Ada Li")
			mustHave(t, mail.HTML, "Ada Li")
		case "mail.html":
			mustHave(t, string(content), "<html", "Ada Li")
		default:
			mustHave(t, string(content), "Ada Li")
		}
	}
	if s := r.ctl("preview", "--firm", firm, "--client", "C-9", "--contact", "P-1"); s.code != app.ExitFailed ||
		!strings.Contains(s.err, "client_not_found") {
		t.Errorf("no client: exit code %d: %s", s.code, s.err)
	}
}

// --locale says the language of explanations and remedies.
func TestAnswersInALanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	mustHave(t, r.ok("explain", "--firm", firm, "--client", "C-2", "--contact", "P-4", "--locale", "es"),
		"email_missing: Kim Lee no tiene dirección de correo electrónico.")
	mustHave(t, r.ok("status", "--firm", firm, "--contact", "P-4", "--locale", "fr"),
		"aucune invitation envoyée Aucune invitation au portail client (Red Barn Inc) n’a été envoyée à Kim Lee.")
	if got := r.ctl("status", "--firm", firm, "--contact", "P-4", "--locale", "not a tag!"); got.code == app.ExitOK {
		t.Error("a text that is not a language tag: exit code 0")
	}
}

// A plan is printed, and a run that would mail somebody else says who that is.
func TestAPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	printed := r.ok("explain", "--firm", firm, "--all-clients", "--plan")
	mustHave(t, printed, `publish BulkInviteRequested with "plan": "`, "until ")
	var answer struct{ Plan struct{ ID string } }
	r.must(json.Unmarshal([]byte(r.ok("explain", "--firm", firm, "--all-clients", "--plan", "-o", "json")), &answer))
	if _, err := uuid.Parse(answer.Plan.ID); err != nil {
		t.Errorf("no plan in the JSON: %v", err)
	}
	s := r.ctl("explain", "--firm", firm, "--all-clients", "--plan", "-o", "csv")
	mustHave(t, s.err, `"plan": "`)
	if strings.Contains(s.out, `"plan":`) {
		t.Errorf("the spreadsheet has the plan:\n%s", s.out)
	}
	r.scene.UpsertContact("new", "Nora New", "nora@example.com")
	r.scene.UpsertClient("c-new", "*new")
	r.scene.Handled(events.FactsDurable)
	r.publish(events.BulkInviteRequested, testkit.With(bulkAll(), "plan", answer.Plan.ID))
	var run string
	testenv.Eventually(t, wait, func() error {
		lines := strings.Split(r.ctl("runs", "--firm", firm).out, "\n")
		if len(lines) < 2 || !strings.Contains(lines[1], "paused") {
			return errors.New("the run is not paused")
		}
		run = strings.Fields(lines[1])[0]
		return nil
	})
	mustHave(t, r.ok("runs", "--firm", firm, run), "plan", answer.Plan.ID, "paused",
		"by portal-invites: not in the plan: 1 of", "NOT IN THE PLAN (1)", "new Nora New on c-new",
		"invitectl runs resume --firm "+firm)
	for _, wrong := range [][]string{{"--client", "c1", "--contact", "dana"}, {"--all-clients", "--assume", "fixes.csv"}} {
		s := r.ctl(append([]string{"explain", "--firm", firm, "--plan"}, wrong...)...)
		mustHave(t, s.err, "--plan")
		if s.code != 2 {
			t.Errorf("%q: exit code %d, want 2", wrong, s.code)
		}
	}
}
