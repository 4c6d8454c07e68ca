package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// form is the form of a page whose button has this value: its event is that form's own.
func formWith(t *testing.T, page answer, button string) url.Values {
	t.Helper()
	for part := range strings.SplitSeq(page.body, "<form ") {
		part, _, _ = strings.Cut(part, "</form>")
		if strings.Contains(part, `name="action" value="`+button+`"`) {
			form := formOf(part) // if the action is a hidden field, there is a button elsewhere for this form
			form.Set("action", button)
			return form
		}
	}
	t.Fatalf("the page has no button %s: %s", button, page.body)
	return nil
}

// waitingRun starts a run whose mails can't leave, and returns it once everybody is decided.
func (r *rig) waitingRun() api.Run {
	r.t.Helper()
	r.mailbox.Down()
	event := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	return r.runUntil(event, func(run api.Run) bool { return run.State == api.Sending })
}

// runUntil returns the run of an event as soon as something is true of it.
func (r *rig) runUntil(event string, is func(api.Run) bool) (found api.Run) {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() error {
		answer, err := api.NewClient(r.NC).Runs(r.Ctx, firm, api.RunsRequest{})
		if err != nil {
			return err
		}
		for _, run := range answer.Runs {
			if run.Cause.ID == event && is(run) {
				found = run
				return nil
			}
		}
		return fmt.Errorf("the runs are %+v", answer.Runs)
	})
	return found
}

// press sends a form of a run, and returns the page that follows, once the run has answered.
func (v *visitor) press(path string, form url.Values) answer {
	v.t.Helper()
	sent := v.post(path, form)
	if sent.code != http.StatusSeeOther {
		v.t.Fatalf("%s answers %d: %s", path, sent.code, sent.body)
	}
	var page answer
	testenv.Eventually(v.t, patience, func() error {
		if page = v.get(sent.to); strings.Contains(page.body, "has not answered yet") {
			return fmt.Errorf("%s", page.body)
		}
		return nil
	})
	return page
}

// Of two people who press at once, the second is told what the first one did. Everybody sees who has stopped a run and
// since when; nobody is skipped by a pause; and after a cancel nothing leaves.
func TestARunObeysItsPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	run := r.waitingRun()
	path := "/f/acme/runs/" + run.RunID.String()
	ann, ben := r.proxied("Ann", "portal-office:acme"), r.proxied("Ben", "portal-office:acme")

	first, second := ann.get(path), ben.get(path)
	first.says(t, "Pause", "Cancel…")
	pause := formWith(t, first, "pause")
	ann.press(path, pause).says(t, "Done.", "No mail of this run leaves", "Paused", "by Ann, ", "Resume, send 2")
	ben.press(path, formWith(t, second, "pause")).says(t, "Nothing was changed.", "Ann has paused this run, ")
	ann.press(path, pause).says(t, "Done.") // pressed twice, it is one event
	ben.get("/f/acme/runs").says(t, "Paused", "by Ann, ")

	ben.press(path, formWith(t, ben.get(path), "resume")).says(t, "The run goes on.", "Pause")
	ann.press(path, formWith(t, first, "pause")) // the same event as before: it changes nothing
	if page := ann.get(path); strings.Contains(page.body, "Resume, send") {
		t.Error("an old form has paused the run again")
	}

	ask := ann.get(path + "/cancel")
	ask.says(t, "Cancel this run?", "No mail has left yet.", "The 2 that are pending would not be sent.",
		"4 selected: 0 sent, 4 skipped, 0 failed, 0 pending", "Let it go on", "Only pause")
	cancel := formWith(t, ask, "cancel")
	cancel.Set("reason", "the wrong list")
	ann.press(path, cancel).says(t, "No more of its mails leave.", "Cancelled", "the wrong list")
	ben.get(path+"/cancel").says(t, "Nothing was changed.", "Ann has cancelled this run")
	done := r.runUntil(run.Cause.ID, func(run api.Run) bool { return run.State == api.Completed })
	r.mailbox.Up() // nothing is on its way any more
	if done.Sent != 0 || done.Skipped != 4 || done.ByReason["run_cancelled"] != 2 {
		t.Errorf("%+v", done)
	}
	page := ben.get(path)
	page.says(t, "by Ann, ", "2 people were not sent their mail.", "Fix and replay…")
	if strings.Contains(page.body, `value="pause"`) || strings.Contains(page.body, "Cancel…") {
		t.Error("a cancelled run offers to be stopped")
	}
	ben.press(path, formWith(t, second, "pause")).says(t, "Nothing was changed.")
	if mails := len(r.mailbox.Messages()); mails != 0 {
		t.Errorf("%d mails were sent", mails)
	}

	reader := r.proxied("Rae", "portal-office:acme,portal-read-only")
	if page := reader.get(path); strings.Contains(page.body, "<form method=\"post\" action=\""+path) {
		t.Error("who may only look is offered a button")
	}
	for _, got := range []answer{reader.get(path + "/cancel"), reader.post(path, cancel)} {
		if got.code != http.StatusForbidden {
			t.Errorf("who may only look gets %d", got.code)
		}
	}
}

// A bulk invite begins at the hour of the firm that somebody has chosen. Until then it can be moved, or begun at once.
func TestARunIsScheduled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	v := r.proxied("Ann", "portal-office:acme")
	denver, err := time.LoadLocation("America/Denver")
	r.Must(err)
	day := time.Now().In(denver).AddDate(0, 0, 3)
	form := formOf(v.get("/f/acme/bulk?mode=invite").body)
	for start, want := range map[string]string{
		"2020-01-13T08:00": "is over", "tomorrow": "no day with an hour",
		nextSkippedHour(denver): "no such hour in Denver",
	} {
		form.Set("start", start)
		if got := v.post("/f/acme/bulk", form); got.code != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s answers %d: %s", start, got.code, got.body)
		}
	}
	form.Set("start", day.Format("2006-01-02")+"T08:00")
	if got := v.post("/f/acme/bulk", form); got.code != http.StatusSeeOther {
		t.Fatalf("%d: %s", got.code, got.body)
	}
	run := r.runUntil(form.Get("event"), func(run api.Run) bool { return run.State == api.Scheduled })
	if got := run.StartAt.In(denver).Format("2006-01-02 15:04"); got != day.Format("2006-01-02")+" 08:00" {
		t.Errorf("it starts at %s", got)
	}
	path := "/f/acme/runs/" + run.RunID.String()
	page := v.get(path)
	page.says(t, "Scheduled", "it begins", "8:00 am", `value="`+day.Format("2006-01-02")+`T08:00"`)
	v.get("/f/acme/runs?state=scheduled").says(t, "Scheduled", "begins")
	move := formWith(t, page, "schedule")
	if got := v.post(path, move); got.code != http.StatusBadRequest || !strings.Contains(got.body, "choose a day") {
		t.Errorf("without a start: %d %s", got.code, got.body)
	}
	move.Set("start", day.Format("2006-01-02")+"T09:30")
	v.press(path, move).says(t, "The start was changed.", "9:30 am")
	v.press(path, formWith(t, v.get(path), "now")).says(t, "The start was changed.")
	r.runUntil(form.Get("event"), func(run api.Run) bool { return run.State == api.Completed })
	v.press(path, formWith(t, page, "now")).says(t, "Nothing was changed.", "This run was done")
}

// nextSkippedHour is an hour of the next year that the clocks of a zone leave out.
func nextSkippedHour(zone *time.Location) string {
	at := time.Date(time.Now().Year()+1, 1, 1, 0, 0, 0, 0, zone)
	for {
		next := at.Add(time.Hour)
		_, before := at.Zone()
		if _, after := next.Zone(); after > before {
			return at.Add(time.Hour-time.Nanosecond).Format("2006-01-02") + fmt.Sprintf("T%02d:30", at.Hour()+1)
		}
		at = next
	}
}

// The runs of a firm that an operator has paused say why their mails wait.
func TestARunSaysWhyItWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	_, err := api.NewClient(r.NC).Pauses(r.Ctx, api.AllFirms, api.PausesRequest{
		Action: api.PauseFirm, FirmID: firm, Reason: "their partner calls back", By: "Sam Okafor"})
	r.Must(err)
	event := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	run := r.runUntil(event, func(run api.Run) bool { return run.State == api.Sending && run.Pending == 2 })
	r.visitor().get("/f/acme/runs/"+run.RunID.String()).says(t, "Sam Okafor has paused the mails of your firm",
		"their partner calls back")
}
