package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

func (r *rig) anyRun() string {
	r.t.Helper()
	answer, err := api.NewClient(r.NC).Runs(r.Ctx, firm, api.RunsRequest{})
	r.Must(err)
	if len(answer.Runs) == 0 {
		r.t.Fatal("there is no run")
	}
	return answer.Runs[0].RunID.String()
}

// An office looks at a run by clicking, and reads an addition that holds.
func TestARunByClicking(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	run := r.bulk()
	b.open(r.link.URL())
	b.waitText("Firms")
	b.clickText("Acme CPA")
	b.waitText("Bulk invite")
	b.clickText("Bulk invite")
	b.waitText("Times are in Denver")
	want := fmt.Sprintf("%d selected: %d sent, %d skipped, 0 failed, 0 pending", run.Selected, run.Sent, run.Skipped)
	if got := eval[string](b, "document.querySelector('svg.bar').getAttribute('aria-label')"); got != want {
		t.Errorf("the bar says %q, want %q", got, want)
	}
	numbers := eval[[]int](b, "[...document.querySelectorAll('.sums dd')].map((d) => Number(d.textContent))")
	if len(numbers) != 5 || numbers[0]+numbers[1]+numbers[2]+numbers[3] != numbers[4] {
		t.Errorf("the addition is %v", numbers)
	}
}

// While a run goes on, the page's numbers move without anybody pressing anything, and end exactly.
func TestNumbersMoveByThemselves(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	r.bulk()
	b.open(r.link.URL())
	b.open(r.base + "/f/acme/runs")
	b.wait("document.querySelectorAll('tbody tr').length === 1")
	eval[any](b, "window.same = true; 0") // a page that was loaded anew has not got this

	for n := range 20 {
		id := fmt.Sprintf("N-%d", n)
		r.UpsertContact(id, "New "+id, id+"@x.example")
		r.client("C-"+id, "Client "+id, "*"+id)
	}
	r.Handled(events.FactsDurable)
	second := r.bulk()
	b.wait(fmt.Sprintf("document.querySelectorAll('tbody tr').length === 2 && "+
		"[...document.querySelectorAll('tbody tr:first-child td.num')].map((c) => c.textContent).join() === '%d,%d,0,0,%d'",
		second.Sent, second.Skipped, second.Selected))
	if !eval[bool](b, "window.same === true") {
		t.Error("the page was loaded anew")
	}
}

// Ten tabs of one browser over plain HTTP: each loads, and shows exact numbers when it is looked at.
func TestTenTabs(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	r.bulk()
	b.open(r.link.URL())
	tabs := []*tab{b}
	for len(tabs) < 10 {
		tabs = append(tabs, b.another())
	}
	for _, one := range tabs {
		one.open(r.base + "/f/acme/runs")
	}
	for _, one := range tabs {
		one.wait("document.querySelectorAll('tbody tr').length === 1")
	}
	r.bulk()
	for _, one := range tabs {
		one.front()
		one.wait("document.querySelectorAll('tbody tr').length === 2")
	}
}

// A page works without its script, and says so in every language.
func TestPagesInThreeLanguages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.bulk()
	v := r.visitor()
	for accept, words := range map[string][]string{
		"en-US,en;q=0.9": {`<html lang="en"`, "Skipped", "Done", "Times are in Denver"},
		"es-MX,es;q=0.9": {`<html lang="es"`, "Omitidos", "Terminado", "Las horas son de Denver"},
		"fr-CA,fr;q=0.9": {`<html lang="fr"`, "Écartés", "Terminé", "Denver"},
		"de":             {`<html lang="en"`, "Skipped"},
	} {
		v.header.Set("Accept-Language", accept)
		v.get("/f/acme/runs").says(t, words...)
	}
	if got := v.get("/language/es?back=%2Ff%2Facme%2Fruns"); got.code != http.StatusSeeOther || got.to != "/f/acme/runs" {
		t.Errorf("choosing a language leads with %d to %q", got.code, got.to)
	}
	v.get("/f/acme/runs").says(t, `<html lang="es"`)
}

// The list of runs has pages, which lead from one to the next.
func TestTheListOfRunsHasPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	var last string
	for range 52 {
		last = r.Publish(events.BulkInviteRequested, testkit.BulkOf("C-1"))
	}
	r.runOf(last)
	r.Settled()
	v := r.visitor()
	first := v.get("/f/acme/runs")
	first.says(t, "Next page")
	_, next, _ := strings.Cut(first.body, `<a href="/f/acme/runs?cursor=`)
	next, _, _ = strings.Cut(next, `"`)
	second := v.get("/f/acme/runs?cursor=" + next)
	second.says(t, "First page")
	if n := strings.Count(first.body, "<th role=\"rowheader\""); n != 50 {
		t.Errorf("the first page has %d rows", n)
	}
	if n := strings.Count(second.body, "<th role=\"rowheader\""); n != 2 {
		t.Errorf("the second page has %d rows", n)
	}
}
