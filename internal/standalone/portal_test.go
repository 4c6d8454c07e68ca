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
	c.OpenPortal(func(_ context.Context, firm, token string, peek bool) (Visit, error) {
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
	})
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
