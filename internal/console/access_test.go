package console_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/console/pages"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// violation is what axe-core finds wrong with a page.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Every page keeps to the rules of WCAG 2.2 AA that a machine can check, light and dark, wide and narrow. A rule about
// colors does not depend on the width, and one about sizes not on the theme: two looks try all of it.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	r.bulk()
	r.startConsoleWith(pages.EditContacts) // so that every page is there
	b.open(r.base + "/login")
	r.check(b, string(axe), "/login")
	b.open(r.link.URL())
	for _, path := range r.everyPage() {
		r.check(b, string(axe), path)
	}
}

// everyPage lists the address of each page, with something on it.
func (r *rig) everyPage() []string {
	run, asked := r.anyRun(), r.individual()
	later := time.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339)
	scheduled := r.runUntil(r.Publish(events.BulkInviteRequested, testkit.With(testkit.BulkAll(), "start_at", later)),
		func(run api.Run) bool { return run.State == api.Scheduled }).RunID.String()
	return []string{
		"/f/acme/runs/" + scheduled, "/f/acme/runs/" + scheduled + "/cancel", "/f/acme/runs/" + run + "/cancel",
		"/", "/nowhere", "/ops", "/ops/senders", "/f/acme/runs", "/f/acme/runs?state=sending", "/f/acme/runs/" + run,
		"/f/acme/runs/" + run + "/people?outcome=skipped", "/f/acme/clients",
		"/f/acme/clients?state=not_sent&find=lee", "/f/empty/clients",
		"/f/acme/pick?do=invite&scope=page&shown=C-1/P-1&shown=C-1/P-2&shown=C-2/P-4",
		"/f/acme/pick?do=remove&scope=page&shown=C-1/P-1&shown=C-2/P-4",
		"/f/acme/done?client=C-1&event=" + asked,
		"/f/acme/client?client=C-1", "/f/acme/person?client=C-1&contact=P-1", "/f/acme/edit?client=C-1&contact=P-1",
		"/f/acme/request?do=invite&client=C-1&contact=P-2&contact=P-1",
		"/f/acme/request?do=remove&client=C-1&contact=P-1", "/f/acme/bulk?mode=invite", "/f/acme/fix?run=" + run,
		"/f/acme/preview?client=C-1&contact=P-1", "/f/acme/templates", "/f/acme/letters", "/f/acme/held",
	}
}

// individual invites two people of a client, and returns the event's id.
func (r *rig) individual() string {
	r.t.Helper()
	msg := r.Event(events.InviteRequested, testkit.InviteData("C-1", testkit.Contact("P-1"), testkit.Contact("P-2")))
	msg.Header.Set("ce-source", "portal-console")
	r.PublishAll(msg)
	r.Settled()
	return msg.Header.Get("ce-id")
}

func (r *rig) check(b *tab, axe, path string) {
	r.t.Helper()
	for _, look := range []struct {
		width int
		theme string
	}{{1440, "light"}, {390, "dark"}} {
		b.look(look.width, look.theme)
		b.open(r.base + path)
		eval[any](b, axe+"; 0")
		found := evalLater[[]violation](b, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
				"best-practice"]})
			.then((result) => result.violations.map((v) => ({id: v.id, help: v.help,
				nodes: v.nodes.map((n) => ({html: n.html, failureSummary: n.failureSummary}))})))`)
		for _, v := range found {
			for _, node := range v.Nodes {
				r.t.Errorf("%s, %d px, %s: %s (%s)\n%s\n%s", path, look.width, look.theme, v.ID, v.Help, node.HTML, node.Summary)
			}
		}
		if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > look.width {
			r.t.Errorf("%s is %d px wide on a screen of %d", path, wide, look.width)
		}
		if lang := eval[string](b, "document.documentElement.lang"); !strings.HasPrefix(lang, "en") {
			r.t.Errorf("%s says that its language is %q", path, lang)
		}
	}
}
