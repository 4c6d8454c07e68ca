package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Nobody gets a page, a stream or an action without having logged in, nor under a foreign name, nor from a foreign
// website.
func TestWhoIsKeptOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	stranger := newVisitor(t, r.base)
	for _, path := range r.everyFirmPage() {
		if got := stranger.get(path); got.code != http.StatusSeeOther || got.to != "/login" {
			t.Errorf("a stranger gets %d %q at %s", got.code, got.to, path)
		}
	}
	if got := stranger.get("/f/acme/live"); got.code != http.StatusNotFound {
		t.Errorf("a stranger gets %d from the stream", got.code)
	}
	v := r.visitor()
	page := v.get("/f/acme/runs")
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store",
	} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	csp := page.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") ||
		strings.Contains(csp, "unsafe") || strings.Contains(page.body, "style=") || strings.Contains(page.body, "onclick") {
		t.Errorf("the policy is %q", csp)
	}

	foreign := newVisitor(t, r.base)
	foreign.client.Jar = v.client.Jar
	foreign.header.Set("Origin", "https://evil.example")
	foreign.header.Set("Sec-Fetch-Site", "cross-site")
	if got := foreign.post("/logout", url.Values{}); got.code != http.StatusForbidden {
		t.Errorf("a form of a foreign website gets %d", got.code)
	}
	v.get("/f/acme/runs").says(t, "Runs") // and is not logged out

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+"/f/acme/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	response, err := v.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign name gets %d", response.StatusCode)
	}
	if got := v.post("/logout", url.Values{}); got.code != http.StatusSeeOther {
		t.Errorf("logging out gets %d", got.code)
	}
	if got := v.get("/f/acme/runs"); got.to != "/login" {
		t.Errorf("after logging out, a page gets %d %q", got.code, got.to)
	}
}

// everyFirmPage lists the pages that need no more than a firm.
func (r *rig) everyFirmPage() []string {
	return []string{"/", "/f/acme", "/f/acme/runs", "/f/acme/runs/00000000-0000-0000-0000-000000000000", "/nowhere"}
}

// Whatever stands in back, choosing a language leads to a page of the console.
func TestNoRedirectLeadsElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := newVisitor(t, r.base)
	for _, back := range []string{
		"https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "evil.example", "/\t/evil.example",
		"javascript:alert(1)", "/\r\nLocation: https://evil.example", "", "http:/evil.example", "/\x00/evil.example",
	} {
		got := v.get("/language/fr?back=" + url.QueryEscape(back))
		if got.code != http.StatusSeeOther || got.to != "/" {
			t.Errorf("%q leads with %d to %q", back, got.code, got.to)
		}
	}
	if got := v.get(fmt.Sprintf("/language/fr?back=%s", url.QueryEscape("/f/acme/runs?state=sending"))); got.to !=
		"/f/acme/runs?state=sending" {
		t.Errorf("a page of our own: %q", got.to)
	}
}
