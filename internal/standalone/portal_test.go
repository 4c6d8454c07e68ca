package standalone

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const inviteMail = "From: Acme CPA <invites@portal.example>\nReply-To: office@acme.example\n" +
	"To: Dana Wu <dana@example.com>\nSubject: Your portal\n" +
	"X-Portal-Firm: acme-cpa\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n" +
	"--b\nContent-Type: text/plain\n\nSee https://portal.acme.example/invite/k1.TOKEN\n" +
	"--b\nContent-Type: text/html\n\n<a class=\"button\" href=\"https://portal.acme.example/invite/k1.TOKEN\">See</a> " +
	"<a href=\"https://acme.example\">us</a>\n--b--\n"

// portalFunc answers visits, and notes nothing that is declined.
type portalFunc func(firm, token string, peek bool) (Visit, error)

func (f portalFunc) Visit(_ context.Context, firm, token string, peek bool) (Visit, error) {
	return f(firm, token, peek)
}

func (portalFunc) Decline(context.Context, string, string, bool) (Visit, error) {
	return Visit{}, errors.New("nobody declines here")
}

// declinable notes what its pages ask.
type declinable struct{ peeks, buttons, clicks int }

func (d *declinable) Visit(_ context.Context, _, _ string, peek bool) (Visit, error) {
	if !peek {
		return Visit{}, errors.New("the page has logged in")
	}
	d.peeks++
	return Visit{Result: "opened", Client: "Blue Bottle"}, nil
}

func (d *declinable) Decline(_ context.Context, _, token string, oneClick bool) (Visit, error) {
	switch {
	case token != "k1.TOKEN":
		return Visit{Result: "invalid"}, nil
	case oneClick:
		d.clicks++
	default:
		d.buttons++
	}
	return Visit{Result: "declined", Ended: !oneClick}, nil
}

// The page to decline on only looks. Its button declines. The one click of a mail program (RFC 8058) is a POST of its
// own, with or without its body. It gets no redirect and no cookie.
func TestThePageToDeclineOn(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	sendMail(t, c, "dana@example.com", strings.ReplaceAll(inviteMail, "invite/k1.TOKEN\">", "invite/k1.TOKEN/decline\">"))
	asked := &declinable{}
	c.OpenPortal(asked)
	if _, _, body := get(t, c.URL()+"/mail/"+onlyMail(t, c).ID+"/html"); !strings.Contains(body,
		`href="/portal/acme-cpa/k1.TOKEN/decline"`) {
		t.Errorf("the links are\n%s", body)
	}
	page := c.URL() + "/portal/acme-cpa/k1.TOKEN/decline"
	for range 50 {
		_, _, body := get(t, page)
		mustShow(t, body, `<form method="post" action="/portal/acme-cpa/k1.TOKEN/decline">`, "It was not meant for me")
	}
	if *asked != (declinable{peeks: 50}) {
		t.Errorf("50 visits: %+v", *asked)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, body := range []string{"List-Unsubscribe=One-Click", ""} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Close = true
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || len(response.Cookies()) > 0 {
			t.Errorf("one click with the body %q: %d, %v", body, response.StatusCode, response.Header)
		}
	}
	if *asked != (declinable{peeks: 50, clicks: 2}) {
		t.Errorf("two clicks: %+v", *asked)
	}
	code, body := post(t, page, url.Values{"decline": {"yes"}}, "")
	mustShow(t, body, "we have noted it", "the invite has ended", "InviteDeclined")
	if code != http.StatusOK || *asked != (declinable{peeks: 50, clicks: 2, buttons: 1}) {
		t.Errorf("the button: %d, %+v", code, *asked)
	}
	if code, _ := post(t, page, url.Values{"decline": {"yes"}}, "cross-site"); code != http.StatusForbidden {
		t.Errorf("a form of another site: %d", code)
	}
	_, body = post(t, c.URL()+"/portal/acme-cpa/k1.OTHER/decline", url.Values{"decline": {"yes"}}, "")
	mustShow(t, body, "invalid")
}

// A mail's button leads to a page that only peeks. The button of that page logs in.
func TestTheButtonOfAMailLeadsToThePortal(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	sendMail(t, c, "dana@example.com", inviteMail)
	html := c.URL() + "/mail/" + onlyMail(t, c).ID + "/html"
	if _, _, body := get(t, html); !strings.Contains(body, `href="https://portal.acme.example/invite/k1.TOKEN"`) {
		t.Errorf("without a pipeline the link is changed:\n%s", body)
	}

	var asked []bool
	c.OpenPortal(portalFunc(func(firm, token string, peek bool) (Visit, error) {
		asked = append(asked, peek)
		switch {
		case firm != "acme-cpa":
			return Visit{}, errors.New("no worker answers")
		case token != "k1.TOKEN":
			return Visit{Result: "invalid"}, nil
		}
		return Visit{
			Result: "opened", Client: "Blue <b>Bottle</b>", Name: "Dana Wu", Email: "d•••@example.com", First: true,
		}, nil
	}))
	_, _, body := get(t, html)
	if !strings.Contains(body, `href="/portal/acme-cpa/k1.TOKEN"`) ||
		!strings.Contains(body, `href="https://acme.example"`) {
		t.Errorf("the links are\n%s", body)
	}
	link := c.URL() + "/portal/acme-cpa/k1.TOKEN"
	_, header, body := get(t, link)
	mustShow(t, body, "The portal of Blue &lt;b&gt;Bottle&lt;/b&gt;",
		`<form method="post" action="/portal/acme-cpa/k1.TOKEN">`, "Log in")
	if policy := header.Get("Content-Security-Policy"); policy != pagePolicy {
		t.Errorf("policy %q", policy)
	}
	code, body := post(t, link, nil, "")
	mustShow(t, body, "Dana Wu is logged in", "InviteAccepted", "bin/invitectl outcomes --firm acme-cpa")
	if code != http.StatusOK || len(asked) != 2 || !asked[0] || asked[1] {
		t.Errorf("%d; it peeked: %v", code, asked)
	}
	_, _, body = get(t, c.URL()+"/portal/acme-cpa/k1.OTHER")
	mustShow(t, body, "This link does not open", "invalid")
	if code, _, _ := get(t, c.URL()+"/portal/other/k1.TOKEN"); code != http.StatusBadGateway {
		t.Errorf("without workers: %d", code)
	}
	// Another website must not be able to log its visitor in.
	if code, _ := post(t, link, nil, "cross-site"); code != http.StatusForbidden || len(asked) != 4 {
		t.Errorf("a form of another site: %d, asked %d times", code, len(asked))
	}
}

// The list shows recipients, since many mails have the same subject. A mail shows its Reply-To.
func TestPageShowsRecipientAndReplyTo(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	sendMail(t, c, "dana@example.com", inviteMail)
	_, _, body := get(t, c.URL())
	who, what := strings.Index(body, "Dana Wu"), strings.Index(body, `class="subject">Your portal`)
	if who < 0 || what < who {
		t.Errorf("the recipient does not come first:\n%s", body)
	}
	_, _, body = get(t, c.URL()+"/mail/"+onlyMail(t, c).ID)
	mustShow(t, body, "<dt>Reply-To</dt><dd>office@acme.example</dd>")
}

func TestTheLastLinkOfAnAddress(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	sendMail(t, c, "dana@example.com", inviteMail)
	sendMail(t, c, "dana@example.com", strings.ReplaceAll(inviteMail, "k1.TOKEN", "k1.NEWER"))
	sendMail(t, c, "lee@example.com", strings.ReplaceAll(inviteMail, "dana@", "lee@"))
	if code, _, body := get(t, c.URL()+"/api/link?to=DANA@example.com"); code != http.StatusOK || body != "k1.NEWER\n" {
		t.Errorf("%d %q", code, body)
	}
	for query, want := range map[string]int{"": http.StatusBadRequest, "?to=nobody@example.com": http.StatusNotFound} {
		if code, _, _ := get(t, c.URL()+"/api/link"+query); code != want {
			t.Errorf("%q: %d, want %d", query, code, want)
		}
	}
}

func mustShow(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("%q is missing in\n%s", text, page)
		}
	}
}

// post sends a form as a browser does: from the page itself, or from the given site.
func post(t *testing.T, address string, form url.Values, site string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if site != "" {
		request.Header.Set("Sec-Fetch-Site", site)
	}
	code, _, body = do(t, request)
	return code, body
}
