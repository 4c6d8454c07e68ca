package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// An operator sees which firms have trouble, goes to what is behind a number, and pauses a firm. Of two operators, the
// second is told what the first has done. Nobody else sees the page.
func TestAllFirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	zenith := *r.Scene
	zenith.Firm = "zenith"
	zenith.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "name", "Zenith Tax"))
	zenith.Publish(events.InviteRequested, testkit.With(testkit.InviteData("Z-C", testkit.Contact("Z-1")), "client_id", 7))
	zenith.Settled()
	run := r.waitingRun()
	sam, ada := r.proxied("Sam Okafor", "portal-ops"), r.proxied("Ada", "portal-ops")
	page := sam.get("/ops")
	page.says(t, "All firms, now", "Zenith Tax", "1 event could not be handled.", `<a href="/f/zenith/letters">1</a>`,
		"Acme CPA", "2 firms", "No firm is paused.")

	form := formWith(t, page, "pause")
	form.Set("firm", "acme")
	if got := sam.post("/ops", form); got.code != http.StatusBadRequest || !strings.Contains(got.body, "reason: missing") {
		t.Errorf("without a reason: %d %s", got.code, got.body)
	}
	form.Set("reason", "their partner calls back")
	if got := sam.post("/ops", form); got.code != http.StatusSeeOther || got.to != "/ops" {
		t.Fatalf("%d: %s", got.code, got.body)
	}
	second := formWith(t, ada.get("/ops"), "pause")
	second.Set("firm", "acme")
	second.Set("reason", "me too")
	if got := ada.post("/ops", second); got.code != http.StatusConflict ||
		!strings.Contains(got.body, "Sam Okafor has paused it") {
		t.Errorf("the second one gets %d: %s", got.code, got.body)
	}
	page = ada.get("/ops")
	page.says(t, "Paused by Sam Okafor: their partner calls back", "Release…")
	r.visitor().get("/f/acme/runs/"+run.RunID.String()).says(t, "Sam Okafor has paused the mails of your firm")
	release := formWith(t, page, "resume")
	release.Set("reason", "the list was right")
	if got := ada.post("/ops", release); got.code != http.StatusSeeOther {
		t.Fatalf("%d: %s", got.code, got.body)
	}
	pauses, err := api.NewClient(r.NC).Pauses(r.Ctx, api.AllFirms, api.PausesRequest{})
	r.Must(err)
	if len(pauses.Firms) != 0 {
		t.Errorf("still paused: %+v", pauses.Firms)
	}

	for groups, want := range map[string]int{
		"portal-office:acme": http.StatusNotFound, "portal-ops,portal-read-only": http.StatusOK,
	} {
		v := r.proxied("Ann", groups)
		got := v.get("/ops")
		if got.code != want || want != http.StatusOK && strings.Contains(got.body, "Zenith") {
			t.Errorf("%s gets %d: %s", groups, got.code, got.body)
		}
		if strings.Contains(got.body, "<form class=\"find") {
			t.Errorf("%s is offered to pause a firm", groups)
		}
		form := url.Values{"csrf": {"x"}, "action": {"pause"}, "firm": {"acme"}, "reason": {"mine"}}
		if got := v.post("/ops", form); got.code != http.StatusForbidden {
			t.Errorf("a form of %s answers %d", groups, got.code)
		}
	}
}
