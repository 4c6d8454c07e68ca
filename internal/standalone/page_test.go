package standalone

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPageRefusesPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"secret.eml", "secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("Subject: secret\n\nhidden"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := startCatcher(t, filepath.Join(dir, "mails"))
	for _, id := range []string{
		"../secret", "..%2fsecret", "..%2Fsecret.eml", "%2e%2e%2fsecret", filepath.Join(dir, "secret"),
		url.PathEscape(filepath.Join(dir, "secret")),
		"20260101T000000.000000000Z%2f..%2f..%2fsecret", "20260101T000000.000000000Z%00", "secret",
	} {
		mail := "/mail/" + id
		for _, path := range []string{mail, mail + "/html", mail + "/source", mail + "/download", "/api/messages/" + id} {
			code, _, body := get(t, c.URL()+path)
			if code == http.StatusOK && !strings.Contains(body, "No mail yet") || strings.Contains(body, "Subject: secret") {
				t.Errorf("%s: %d %q", path, code, body)
			}
		}
		if id, err := url.PathUnescape(id); err == nil {
			if mail, err := c.Load(id); err == nil {
				t.Errorf("Load(%q) returned %+v", id, mail)
			}
		}
	}
}

// Text of senders never becomes markup on our pages. A mail's own markup is served so that its scripts never run.
func TestPageRunsNoScripts(t *testing.T) {
	t.Parallel()
	const script = `<script>alert(1)</script>`
	c := startCatcher(t, t.TempDir())
	sendMail(t, c, "a@example.com", "From: "+script+"\nTo: "+script+"\nSubject: "+script+
		"\nMessage-ID: <"+script+">\nContent-Type: text/plain\n\n"+script+"\n")
	text := onlyMail(t, c)
	sendMail(t, c, "a@example.com", "Subject: html\nContent-Type: text/html\n\n"+
		"<html><head><title>x</title></head>"+script+"</html>\n")
	messages, err := c.Messages(t.Context(), Query{Search: "html"})
	if err != nil || len(messages) == 0 {
		t.Fatal(messages, err)
	}
	query := url.QueryEscape(script)
	for _, path := range []string{"/", "/?q=" + query, "/?q=%22%3E" + query, "/mail/" + text.ID} {
		code, header, body := get(t, c.URL()+path)
		if code != http.StatusOK || strings.Contains(body, script) || !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("%s: %d, the script is unescaped or missing:\n%s", path, code, body)
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'unsafe-inline';") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
	_, _, body := get(t, c.URL()+"/mail/"+messages[0].ID)
	if !strings.Contains(body, `sandbox="allow-popups allow-popups-to-escape-sandbox"`) {
		t.Errorf("the frame is not sandboxed:\n%s", body)
	}
	_, header, body := get(t, c.URL()+"/mail/"+messages[0].ID+"/html")
	policy := header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "sandbox allow-popups") || strings.Contains(policy, "script") {
		t.Errorf("the mail's policy is %q", policy)
	}
	if !strings.Contains(body, `<head><base target="_blank"><title>`) {
		t.Errorf("links would open inside the frame:\n%s", body)
	}
	for path, want := range map[string]string{"/source": "text/plain; charset=utf-8", "/download": "message/rfc822"} {
		_, header, _ := get(t, c.URL()+"/mail/"+messages[0].ID+path)
		if header.Get("Content-Type") != want || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, header)
		}
	}
}

func TestPageRefusesForeignNames(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	for host, want := range map[string]int{
		"localhost:8025": http.StatusOK, "127.0.0.1:1": http.StatusOK, "[::1]:8025": http.StatusOK,
		"192.168.1.7":         http.StatusOK,
		"rebound.example.com": http.StatusMisdirectedRequest, "localhost.example.com:8025": http.StatusMisdirectedRequest,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		if code, _, _ := do(t, request); code != want {
			t.Errorf("Host %s: %d, want %d", host, code, want)
		}
	}
}

func TestPageNamesTheBadParameter(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	for query, says := range map[string]string{
		"limit=0": "limit:", "limit=many": "limit:", "limit=1001": "limit:", "before=yesterday": "before:",
	} {
		if code, _, body := get(t, c.URL()+"/api/messages?"+query); code != http.StatusBadRequest ||
			!strings.HasPrefix(body, says) {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}
