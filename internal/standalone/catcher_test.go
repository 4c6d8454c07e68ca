package standalone

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

func startCatcher(t *testing.T, dir string) *Catcher {
	t.Helper()
	c, err := StartCatcher(CatcherConfig{Dir: dir, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func sendMail(t *testing.T, c *Catcher, to, content string) {
	t.Helper()
	// AUTH is offered, and every password is accepted.
	auth := smtp.PlainAuth("", "anyone", "anything", "127.0.0.1")
	content = strings.ReplaceAll(content, "\n", "\r\n")
	if err := smtp.SendMail(c.SMTPAddr(), auth, "firm@example.com", []string{to}, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

const invite = `From: =?utf-8?q?M=C3=BCller_Tax?= <firm@example.com>
To: Dana Wu <dana@example.com>
Subject: =?utf-8?q?Your_portal_=E2=9C=93?=
Message-ID: <one@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Good day=2C Dana
--b
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: base64

PGh0bWw+PGhlYWQ+PC9oZWFkPjxib2R5PkZy/GhsaW5nPC9ib2R5PjwvaHRtbD4=
--b--
`

func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) (int, http.Header, string) {
	t.Helper()
	request.Close = true // No connection is kept, so that goleak finds none.
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

func onlyMail(t *testing.T, c *Catcher) Message {
	t.Helper()
	messages, err := c.Messages(t.Context(), Query{})
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d mails, %v; want one", len(messages), err)
	}
	return messages[0]
}

func TestCatcherKeepsMailAcrossStarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mails")
	first := startCatcher(t, dir)
	sendMail(t, first, "dana@example.com", invite)
	first.Stop()
	if err := os.WriteFile(filepath.Join(dir, tempPrefix+"half"), []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}

	second := startCatcher(t, dir)
	got := onlyMail(t, second)
	want := Headers{
		MessageID: "one@example.com", From: "Müller Tax <firm@example.com>", To: "Dana Wu <dana@example.com>",
		Subject: "Your portal ✓",
	}
	if got.Headers != want || second.Count() != 1 {
		t.Errorf("got %+v of %d, want %+v of 1", got.Headers, second.Count(), want)
	}
	mail, err := second.Load(got.ID)
	if err != nil {
		t.Fatal(err)
	}
	if mail.Text != "Good day, Dana" || mail.HTML != "<html><head></head><body>Frühling</body></html>" ||
		mail.Message != got {
		t.Errorf("got %+v", mail)
	}
	envelope := "Return-Path: <firm@example.com>\r\nDelivered-To: dana@example.com\r\n"
	if string(mail.Raw) != envelope+strings.ReplaceAll(invite, "\n", "\r\n") {
		t.Errorf("the source is not what was sent:\n%s", mail.Raw)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != got.ID+".eml" {
		t.Errorf("the folder holds %v, %v; want one .eml", entries, err)
	}
}

func TestCatcherPagesAndSearches(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	for i := range 7 {
		sendMail(t, c, "a@example.com", fmt.Sprintf("Subject: Number %d\nTo: to%d@example.com\n\nbody\n", i, i))
	}
	var subjects []string
	query := Query{Limit: 3}
	for range 4 {
		page, err := c.Messages(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range page {
			subjects = append(subjects, strings.TrimPrefix(message.Subject, "Number "))
			query.Before = message.ID
		}
		sendMail(t, c, "a@example.com", "Subject: arrived meanwhile\n\n") // Must not shift the pages.
	}
	if got := strings.Join(subjects, ""); got != "6543210" {
		t.Errorf("pages show %s", got)
	}
	found, err := c.Messages(t.Context(), Query{Search: "TO5@"})
	if err != nil || len(found) != 1 || found[0].Subject != "Number 5" {
		t.Errorf("search found %+v, %v", found, err)
	}

	var answer struct {
		Total, Matching int
		Messages        []Message
		Before          string
	}
	_, _, body := get(t, c.URL()+"/api/messages?q=number&limit=2")
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Total != 11 || answer.Matching != 7 || len(answer.Messages) != 2 || answer.Before != answer.Messages[1].ID {
		t.Errorf("the API answers %s", body)
	}
	if _, _, page := get(t, c.URL()+"/?q=number+3"); !strings.Contains(page, "1 of 11") ||
		strings.Contains(page, "Number 4") {
		t.Errorf("the page shows %s", page)
	}
}

func TestCatcherForgetsRemovedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCatcher(t, dir)
	sendMail(t, c, "a@example.com", "Subject: one\n\n")
	sendMail(t, c, "a@example.com", "Subject: two\n\n")
	messages, err := c.Messages(t.Context(), Query{})
	if err != nil || len(messages) != 2 {
		t.Fatalf("%v, %v", messages, err)
	}
	if err := os.Remove(filepath.Join(dir, messages[0].ID+".eml")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(messages[0].ID); !errors.Is(err, ErrNoMail) {
		t.Errorf("load a removed mail: %v", err)
	}
	if code, _, _ := get(t, c.URL()+"/mail/"+messages[0].ID); code != http.StatusNotFound {
		t.Errorf("the page of a removed mail: %d", code)
	}
	if got := onlyMail(t, c); got.Subject != "one" || c.Count() != 1 {
		t.Errorf("the remaining mails are %+v", got)
	}
}

func TestCatcherTakesManyAtOnce(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	const senders, each = 8, 50
	var group sync.WaitGroup
	for sender := range senders {
		group.Go(func() {
			for i := range each {
				sendMail(t, c, "a@example.com", fmt.Sprintf("Subject: %d/%d\n\n", sender, i))
			}
		})
	}
	group.Wait()
	messages, err := c.Messages(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, message := range messages {
		seen[message.Subject] = true
		if i > 0 && message.ID >= messages[i-1].ID {
			t.Fatalf("%s is listed after %s", message.ID, messages[i-1].ID)
		}
	}
	if len(seen) != senders*each {
		t.Errorf("%d different mails of %d", len(seen), senders*each)
	}
}
